"""A scanner's database from a registry: fetched again when the registry has another."""

import hashlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mlifecycle.process import ToolError
from mlifecycle.registry import resolve_digest

DIGEST_FILE = "digest"


@contextmanager
def trusted_until_failure(origin: str, cache: Path) -> Iterator[None]:
    """Where a scan fails, what this machine has of its database may be why: it is fetched anew."""
    try:
        yield
    except ToolError:
        folder = origin_folder(origin, cache)
        (folder / DIGEST_FILE).unlink(missing_ok=True)
        raise


def origin_folder(origin: str, cache: Path) -> Path:
    """This machine's folder for what an origin gave, and no other."""
    return cache / hashlib.sha256(origin.encode()).hexdigest()[:16]


def current_database(origin: str, cache: Path, fetch: Callable[[Path, str], None]) -> Path:
    """The folder with what an OCI repository holds now; the caller holds the cache's lock.

    Args:
        fetch: fills an empty folder, given the digest.

    Raises:
        ToolError: the registry does not answer, or what it gives is no database.
    """
    digest = resolve_digest(origin)
    folder = origin_folder(origin, cache)
    known = folder / DIGEST_FILE
    if not known.exists() or known.read_text() != digest:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        fetch(folder, digest)
        # What was fetched by its name may be a newer one already.
        if resolve_digest(origin) != digest:
            raise ToolError(f"{origin} was published anew while it was fetched: run again")
        known.write_text(digest)
    return folder
