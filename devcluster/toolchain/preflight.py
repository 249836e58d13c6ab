"""Checks, before anything is built, that this machine can finish the build."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from devcluster.toolchain.errors import UnfitEnvironmentError

GIB = 1 << 30
# Measured after a cold build of everything: Go's module cache, Go's build cache, our own cache.
COLD_MODULES_GIB = 6.0
COLD_BUILD_GIB = 9.0
COLD_TOOLS_GIB = 1.5


def free_bytes(folder: Path) -> int:
    """Return the bytes that can still be written below a folder, which need not exist yet."""
    existing = folder
    while not existing.exists():
        existing = existing.parent
    return shutil.disk_usage(existing).free


def check_disk(needs: Mapping[Path, float]) -> None:
    """Check that every file system has room for all that goes to it.

    Args:
        needs: GiB by folder; folders on one file system are added up.

    Raises:
        UnfitEnvironmentError: one has less; the message names the folders and both figures.
    """
    by_device: dict[int, list[Path]] = {}
    for folder in needs:
        existing = folder
        while not existing.exists():
            existing = existing.parent
        by_device.setdefault(existing.stat().st_dev, []).append(folder)
    for folders in by_device.values():
        needed = sum(needs[folder] for folder in folders)
        free = free_bytes(folders[0]) / GIB
        if free < needed:
            raise UnfitEnvironmentError(
                f"too little disk: building the missing tools needs about {needed:.1f} GiB and"
                f" {free:.1f} GiB are free for {', '.join(map(str, folders))}.\n"
                "Free some, or move the folders by XDG_CACHE_HOME, GOMODCACHE and GOCACHE."
            )
