"""What `mlifecycle lock` did, as text."""

from collections.abc import Iterable

from mlifecycle.report.escape import line
from mlifecycle.stack.locking import RenewedLock


def locks_text(renewed: Iterable[RenewedLock]) -> str:
    """Each lock with the models that need it and what has changed."""
    return "\n\n".join(map(_lock_text, renewed))


def base_image_text(before: str, after: str) -> str:
    """Whether the base image is another."""
    if before == after:
        return f"✓ Base image unchanged: {line(after)}"
    return f"✓ Base image renewed\n  {line(before)}\n  -> {line(after)}"


def _lock_text(lock: RenewedLock) -> str:
    names = line(", ".join(lock.models))
    if lock.problem:
        return f"❌ {names}: the dependencies cannot be locked\n\n- {line(lock.problem)}"
    if not lock.changes:
        return f"✓ {names}: {lock.packages} packages, nothing has changed"
    lines = [f"✓ {names}: {lock.packages} packages, {len(lock.changes)} changes"]
    return "\n".join([*lines, *(f"  {line(change)}" for change in lock.changes)])
