"""One run at a time for what several may want, and files that are whole or not there."""

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NoReturn

from tenacity import (
    RetryCallState,
    retry,
    retry_if_exception_type,
    stop_after_delay,
    wait_exponential,
)

from mlifecycle.process import ToolError

# Longer than anything that one run does under a lock: tools and a base image are built in minutes.
WAIT_SECONDS = 3600


@contextmanager
def exclusively(target: Path, *, last: bool = False) -> Iterator[None]:
    """Hold the lock file beside `target`; another process, or thread, waits until it is free.

    The kernel frees it when its holder ends, however that ends.

    Args:
        last: the lock file goes with what it guards.

    Raises:
        ToolError: it is not free in time.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    file = target.parent / f"{target.name}.lock"
    with _held(file):
        yield
        if last:
            file.unlink()


def write_whole(file: Path, text: str) -> None:
    """Write a file so that no reader, and no run after a crash, ever finds a part of it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(f".{os.getpid()}-{threading.get_ident()}.partial")
    partial.write_text(text)
    partial.rename(file)


def _waited_in_vain(state: RetryCallState) -> NoReturn:
    raise ToolError(
        f"another run has held {state.args[0]} for {WAIT_SECONDS} s: end it, and run again"
    )


@retry(
    retry=retry_if_exception_type(BlockingIOError),
    stop=stop_after_delay(WAIT_SECONDS),
    wait=wait_exponential(multiplier=0.01, max=0.5),
    retry_error_callback=_waited_in_vain,
)
def _held(file: Path) -> IO[str]:
    """The lock file, open and locked."""
    # Nothing of it is written: in a checkout, somebody may have made it a link to something else.
    lock = file.open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not _is_at(file, lock.fileno()):
            raise BlockingIOError("who held it before has removed it: this is a lock on nothing")
    except BlockingIOError:
        lock.close()
        raise
    return lock


def _is_at(file: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), file.stat())
    except FileNotFoundError:
        return False
