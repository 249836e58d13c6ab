"""Gates run beside each other, no more than four, and the program's loop goes on meanwhile."""

import asyncio
import threading
import time

import pytest

from components import hooks


def test_four_gates_run_at_once_and_the_loop_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    lock, running, most = threading.Lock(), 0, 0
    ticks = 0

    def gate() -> int:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.2)
        with lock:
            running -= 1
        return ticks

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    async def program() -> list[int]:
        # A semaphore belongs to one loop.
        monkeypatch.setattr(hooks, "_SLOTS", asyncio.Semaphore(hooks._SLOTS._value))
        heart = asyncio.create_task(tick())
        seen = await asyncio.gather(*(hooks.in_hook_pool(gate) for _ in range(6)))
        heart.cancel()
        return list(seen)

    seen = asyncio.run(program())
    assert most == 4
    # What the last two saw, the loop did while the first four ran.
    assert min(seen) > 0
    assert max(seen) > min(seen)
