"""One run at a time for what several may want, and files that are whole or not there."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def exclusively(target: Path, *, last: bool = False) -> Iterator[None]:
    """Hold the lock file beside `target`; another process, or thread, waits until it is free.

    The kernel frees it when its holder ends, however that ends.

    Args:
        last: the lock file goes with what it guards.
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
    partial = file.with_suffix(".partial")
    partial.write_text(text)
    partial.rename(file)


@contextmanager
def _held(file: Path) -> Iterator[None]:
    while True:
        with file.open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            # Who held it before may have removed the file: then this is a lock on nothing.
            if _is_at(file, lock.fileno()):
                yield
                return


def _is_at(file: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), file.stat())
    except FileNotFoundError:
        return False
