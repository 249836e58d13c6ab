"""Hooks that can neither fail open, nor hang, nor block the program's loop."""

import asyncio
import contextvars
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from pulumi import ErrorHook, ErrorHookArgs, ResourceHook, ResourceHookArgs, ResourceHookOptions

from mlifecycle.report.remedies import with_remedy

T = TypeVar("T")
# Not the loop's own executor: registrations that wait for hooks hold all of its threads. It has
# more threads than slots, because a function whose time was up still holds its thread.
_POOL = ThreadPoolExecutor(max_workers=32, thread_name_prefix="hook")
# How many run at once. Waiting for a slot does not count into a hook's time.
_SLOTS = asyncio.Semaphore(4)
RETRY_SECONDS = 0.5


async def in_hook_pool(function: Callable[[], T]) -> T:
    """Run a blocking function in the hooks' threads."""
    async with _SLOTS:
        return await asyncio.get_running_loop().run_in_executor(_POOL, function)


def guarded_hook(
    name: str,
    function: Callable[[], object],
    *,
    timeout: float,
    on_dry_run: bool,
) -> ResourceHook:
    """A hook that runs `function` in a thread and fails, with a message, after `timeout` seconds.

    Args:
        name: unique in the program.
        function: raises to fail the step; its message is what the engine prints.
        timeout: seconds for the whole hook; what runs inside has its own, shorter ones.
        on_dry_run: whether it runs in preview too.
    """

    async def hook(_args: ResourceHookArgs) -> None:
        loop = asyncio.get_running_loop()
        context = contextvars.copy_context()
        async with _SLOTS:
            future = loop.run_in_executor(_POOL, context.run, function)
            # Not wait_for: a TimeoutError of the function's own must not read as this one.
            done, _running = await asyncio.wait({future}, timeout=timeout)
        if not done:
            raise RuntimeError(
                f"{name} did not end within {timeout:.0f} s: see what it waits for, and run again"
            )
        try:
            future.result()
        except BaseException as error:
            # The engine takes an empty message for success.
            message = str(error) and with_remedy(error)
            raise RuntimeError(message or f"{type(error).__name__} without a message") from error

    return ResourceHook(name, hook, ResourceHookOptions(on_dry_run=on_dry_run))


def patient_hook(name: str, may_pass: Callable[[str], bool], seconds: float) -> ErrorHook:
    """Have the engine try a step that failed once more, for so many seconds after it first failed.

    Args:
        name: unique in the program.
        may_pass: whether what the step failed of, by its message, may pass by itself.
    """
    ends = float("inf")

    async def hook(args: ErrorHookArgs) -> bool:
        nonlocal ends
        ends = min(ends, time.monotonic() + seconds)
        if time.monotonic() >= ends or not may_pass(args.errors[0]):
            return False
        await asyncio.sleep(RETRY_SECONDS)
        return True

    return ErrorHook(name, hook)
