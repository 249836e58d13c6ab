"""Gates run beside each other, no more than four, and the program's loop goes on meanwhile."""

import asyncio
import threading

import pytest

from components import hooks


def test_four_gates_run_at_once_and_the_loop_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    lock, running, most = threading.Lock(), 0, 0
    four, go_on = threading.Event(), threading.Event()

    def gate() -> bool:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
            if running == 4:
                four.set()
        told = go_on.wait(timeout=30)
        with lock:
            running -= 1
        return told

    async def program() -> list[bool]:
        # A semaphore belongs to one loop.
        monkeypatch.setattr(hooks, "_SLOTS", asyncio.Semaphore(hooks._SLOTS._value))
        gates = asyncio.gather(*(hooks.in_hook_pool(gate) for _ in range(6)))
        # The loop comes by here again and again while four gates hold their threads.
        while not four.is_set():
            await asyncio.sleep(0.01)
        go_on.set()
        return list(await gates)

    assert asyncio.run(program()) == [True] * 6
    assert most == 4
