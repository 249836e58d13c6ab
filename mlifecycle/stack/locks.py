"""Locks that a killed engine left: told apart from those of an engine that runs."""

import re
import socket
from dataclasses import dataclass
from datetime import datetime

import psutil

# How the engine names a lock: `created by root@host (pid 1234) at 2026-11-24T08:49:46Z`.
_LOCK = re.compile(r"created by \S+@(?P<host>\S+) \(pid (?P<pid>\d+)\) at (?P<at>\S+)")


@dataclass(frozen=True)
class Lock:
    """Who locked a stack, and when."""

    host: str
    process: int
    created_at: datetime


def locks_in(message: str) -> list[Lock]:
    """The locks that the engine's refusal names."""
    return [
        Lock(match["host"], int(match["pid"]), datetime.fromisoformat(match["at"]))
        for match in _LOCK.finditer(message)
    ]


def is_left_behind(lock: Lock) -> bool:
    """Whether the engine that made it is gone: on this machine, with no such process any more.

    Of another machine's engine nothing is known here, so its lock counts as held.
    """
    if lock.host != socket.gethostname():
        return False
    try:
        # A process that began after the lock was made has only the number in common with it.
        return psutil.Process(lock.process).create_time() > lock.created_at.timestamp() + 1
    except psutil.NoSuchProcess:
        return True


def all_left_behind(message: str) -> bool:
    """Whether the engine's refusal names locks, and each was left behind."""
    found = locks_in(message)
    return bool(found) and all(map(is_left_behind, found))
