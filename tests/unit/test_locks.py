"""A killed engine's lock is told from a running one's."""

import os
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from mlifecycle.stack.locks import all_left_behind, locks_in

HOST = socket.gethostname()


def refusal(*locks: tuple[str, int, datetime]) -> str:
    lines = [
        f"  file:///x.json: created by root@{host} (pid {pid}) at {at:%Y-%m-%dT%H:%M:%SZ}"
        for host, pid, at in locks
    ]
    return "\n".join(["error: the stack is currently locked by 1 lock(s).", *lines])


@pytest.fixture
def ended_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


NOW = datetime.now(UTC)


def test_a_lock_of_a_process_that_ended_is_left_behind(ended_process: int) -> None:
    assert all_left_behind(refusal((HOST, ended_process, NOW)))


def test_a_lock_of_a_running_process_is_held() -> None:
    assert not all_left_behind(refusal((HOST, os.getpid(), NOW)))


def test_a_process_that_began_after_the_lock_is_another_one() -> None:
    assert all_left_behind(refusal((HOST, os.getpid(), NOW - timedelta(days=30))))


def test_a_lock_of_another_machine_is_held(ended_process: int) -> None:
    assert not all_left_behind(refusal(("elsewhere", ended_process, NOW)))


def test_one_held_lock_among_others_holds(ended_process: int) -> None:
    message = refusal((HOST, ended_process, NOW), (HOST, os.getpid(), NOW))
    assert len(locks_in(message)) == 2
    assert not all_left_behind(message)


def test_a_message_without_a_lock_frees_nothing() -> None:
    assert not all_left_behind("error: something else")
