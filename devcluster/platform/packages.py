"""What the platform takes from Debian: daemons unpacked into the cache, plain tools installed.

A daemon's package would start it as a service of this machine, so its files are only unpacked.
"""

import hashlib
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from devcluster.errors import EnvironmentUnfit
from mlifecycle.exclusive import exclusively
from mlifecycle.process import run_tool

DAEMONS = (
    "containerd",
    "containernetworking-plugins",
    "docker-registry",
    "etcd-server",
    "runc",
    "tini",
)
# (command, package): found on PATH, or installed.
TOOLS = (
    ("debootstrap", "debootstrap"),
    ("ip", "iproute2"),
    ("iptables", "iptables"),
    ("ipset", "ipset"),
    ("conntrack", "conntrack"),
    ("mount", "mount"),
    ("nsenter", "util-linux"),
)
APT_SECONDS = 600


def ensure_packages(cache: Path, report: Callable[[str], None]) -> Path:
    """Return the folder that holds the daemons' files, as in the root of a Debian system.

    Raises:
        EnvironmentUnfit: apt is missing.
        ToolError: apt refuses.
    """
    missing = sorted({package for command, package in TOOLS if shutil.which(command) is None})
    key = hashlib.sha256(" ".join(DAEMONS).encode()).hexdigest()[:12]
    target = cache / f"debian-{key}"
    if not missing and target.exists():
        return target
    if shutil.which("apt-get") is None:
        raise EnvironmentUnfit("apt-get is not here: the local platform needs a Debian-like system")
    with exclusively(target):
        _apt("update")
        if missing:
            report(f"installing {', '.join(missing)} with apt-get")
            _apt("install", "--yes", "--no-install-recommends", *missing)
        if not target.exists():
            report(f"unpacking {', '.join(DAEMONS)} into {target}")
            _unpack(target)
    return target


def _unpack(target: Path) -> None:
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        _apt("download", *DAEMONS, directory=Path(folder))
        root = Path(folder) / "root"
        root.mkdir()
        for package in sorted(Path(folder).glob("*.deb")):
            run_tool(["dpkg-deb", "-x", package, root], timeout=APT_SECONDS)
        root.rename(target)


def _apt(*arguments: str, directory: Path | None = None) -> None:
    # The download step warns when it cannot drop privileges; that is not an error.
    command = ["apt-get", "-qq", "-o", "APT::Sandbox::User=root", *arguments]
    run_tool(command, timeout=APT_SECONDS, directory=directory)
