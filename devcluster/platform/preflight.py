"""What must be true of this machine before anything is started."""

import os
import platform
import shutil
from pathlib import Path

from devcluster.errors import EnvironmentUnfit
from devcluster.platform import namespace
from devcluster.platform.layout import Layout

# Registry, images unpacked twice (builder, node) and the store of the cluster.
NEEDED_DISK_BYTES = 6 * 1024**3


def check(layout: Layout) -> None:
    """Refuse a machine on which the platform could not run.

    Raises:
        EnvironmentUnfit: one message that names everything that is wrong, with the remedies.
    """
    problems = [*_problems(layout)]
    if problems:
        raise EnvironmentUnfit("\n".join(problems))
    namespace.refuse_foreign_namespace(layout)
    namespace.refuse_taken_network(layout)


def _problems(layout: Layout) -> list[str]:
    problems = []
    if platform.system() != "Linux":
        problems.append(f"the local platform needs Linux, this is {platform.system()}")
    if os.geteuid() != 0:
        problems.append(
            "the local platform needs root (namespaces, mounts, containers): run this as root, "
            "or use a cluster of yours: docs/existing-platform.md"
        )
    existing = _nearest_existing(layout.state)
    free = shutil.disk_usage(existing).free
    if free < NEEDED_DISK_BYTES:
        problems.append(
            f"{existing} has {free / 1024**3:.1f} GiB free, the local platform needs "
            f"{NEEDED_DISK_BYTES / 1024**3:.0f} GiB: free some, or set XDG_STATE_HOME"
        )
    if len(str(layout.supervisor_socket)) > 100:
        problems.append(f"{layout.state} is too long for a socket's path: set XDG_STATE_HOME")
    return problems


def _nearest_existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path
