"""One run at a time for a piece of work that several may want."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def exclusively(target: Path) -> Iterator[None]:
    """Hold the lock file beside `target`; another process, or thread, waits until it is free.

    The kernel frees it when its holder ends, however that ends.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with (target.parent / f"{target.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
