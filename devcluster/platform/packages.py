"""What the platform takes from Debian: daemons unpacked into the cache, plain tools installed.

A daemon's package would start it as a service of this machine, so its files are only unpacked.
"""

import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from devcluster.errors import EnvironmentUnfit
from mlifecycle.exclusive import exclusively

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
        EnvironmentUnfit: apt is missing or refuses.
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
        _apt("download", *DAEMONS, directory=folder)
        root = Path(folder) / "root"
        root.mkdir()
        for package in sorted(Path(folder).glob("*.deb")):
            subprocess.run(["dpkg-deb", "-x", package, root], check=True, timeout=APT_SECONDS)
        root.rename(target)


def _apt(*arguments: str, directory: str = "/") -> None:
    # The download step warns when it cannot drop privileges; that is not an error.
    result = subprocess.run(
        ["apt-get", "-qq", "-o", "APT::Sandbox::User=root", *arguments],
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=APT_SECONDS,
        check=False,
    )
    if result.returncode != 0:
        lines = (result.stderr or result.stdout).strip().splitlines()
        raise EnvironmentUnfit(f"apt-get {arguments[0]} failed: {' '.join(lines[-3:])}")
