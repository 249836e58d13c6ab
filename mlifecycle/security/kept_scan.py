"""Scans of what has not changed since this machine looked at it."""

import hashlib
from collections.abc import Callable
from pathlib import Path

from mlifecycle.exclusive import exclusively, write_whole
from mlifecycle.security.evidence import Scan, Scans, read_scans


def kept_scan(cache: Path, name: Callable[[], str], look: Callable[[], Scan]) -> Scan:
    """The scan of a content: made now, unless it was before.

    Args:
        cache: this machine's folder for scans.
        name: what names the content, and what looks at it, as they are now.
        look: makes the scan.
    """
    named = name()
    file = cache / "repository" / f"{hashlib.sha256(named.encode()).hexdigest()}.json"
    with exclusively(file):
        known = read_scans(Scans, file)
        if known is None:
            known = Scans(scans=(look(),))
            # What was changed meanwhile may not be what was looked at.
            if name() == named:
                write_whole(file, known.model_dump_json(indent=2))
    return known.scans[0]
