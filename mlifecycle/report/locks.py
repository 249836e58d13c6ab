"""What `mlifecycle lock` did, as text."""

from collections.abc import Iterable

from mlifecycle.base_image import BaseImage
from mlifecycle.report.escape import line
from mlifecycle.stack.locking import RenewedLock


def locks_text(renewed: Iterable[RenewedLock]) -> str:
    """Each lock with the models that need it and what has changed."""
    return "\n\n".join(map(_lock_text, renewed))


def base_image_text(before: BaseImage | None, after: BaseImage) -> str:
    """Whether the base image is another, or has other patches."""
    if before is None:
        return f"✓ Base image kept: {_base_text(after)}"
    if before == after:
        return f"✓ Base image unchanged: {_base_text(after)}"
    return f"✓ Base image renewed\n  {_base_text(before)}\n  -> {_base_text(after)}"


def _base_text(base: BaseImage) -> str:
    patches = base.patches
    named = "no patches" if patches.is_none else f"patches {patches.digest[:12]}"
    return line(f"{base.reference}, {named} of {patches.date}")


def _lock_text(lock: RenewedLock) -> str:
    names = line(", ".join(lock.models))
    if lock.problem:
        return f"❌ {names}: the dependencies cannot be locked\n\n- {line(lock.problem)}"
    if not lock.changes:
        return f"✓ {names}: {lock.packages} packages, nothing has changed"
    lines = [f"✓ {names}: {lock.packages} packages, {len(lock.changes)} changes"]
    return "\n".join([*lines, *(f"  {line(change)}" for change in lock.changes)])
