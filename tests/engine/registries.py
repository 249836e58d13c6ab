"""Registries of a test's own."""

import json
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from devcluster.platform.packages import ensure_packages
from tests.sandbox import Platform, wait_until

# Whose password nobody knows.
USERS = "ada:$2y$05$c4WoMPo3SXsafkva.HHa6uXQZWr7oboPiC2bT/r7q1BB8I2s0BRqC\n"


@dataclass(frozen=True)
class OwnRegistry:
    """A registry that serves.

    Attributes:
        folder: a file system of its own with what it keeps, if it is not in memory.
        regctl: regctl's configuration, by which it speaks to it without TLS.
    """

    host: str
    folder: Path
    regctl: Path


@contextmanager
def small_registry(
    platform: Platform, folder: Path, *, size: str, locked: bool = False
) -> Iterator[OwnRegistry]:
    """Debian's registry on a file system of that size.

    Args:
        locked: whether it wants a user and a password.
    """
    kept, settings, users = folder / "registry", folder / "registry.yaml", folder / "users"
    kept.mkdir()
    users.write_text(USERS)
    login = f"auth: {{htpasswd: {{realm: x, path: {users}}}}}\n" if locked else ""
    host = _free_address()
    settings.write_text(
        f"version: 0.1\nlog: {{level: error}}\n{login}"
        f"storage: {{filesystem: {{rootdirectory: {kept}}}}}\nhttp: {{addr: {host}}}\n"
    )
    program = ensure_packages(platform.layout.cache, print) / "usr/bin/docker-registry"
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", kept], check=True)
    try:
        with _served([program, "serve", settings], host, platform, folder) as regctl:
            yield OwnRegistry(host, kept, regctl)
    finally:
        subprocess.run(["umount", "--lazy", kept], check=True)


@contextmanager
def referrers_registry(platform: Platform, folder: Path, program: Path) -> Iterator[OwnRegistry]:
    """One with the referrers API, in memory."""
    host = _free_address()
    with _served([program, host], host, platform, folder) as regctl:
        yield OwnRegistry(host, folder, regctl)


def _free_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


@contextmanager
def _served(
    command: Sequence[str | Path], host: str, platform: Platform, folder: Path
) -> Iterator[Path]:
    known = json.loads(Path(platform.environment["REGCTL_CONFIG"]).read_text())
    known.setdefault("hosts", {})[host] = {"tls": "disabled"}
    regctl = folder / "regctl.json"
    regctl.write_text(json.dumps(known))
    with (folder / "registry.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        wait_until(lambda: _answers(host), 20)
        yield regctl
    finally:
        process.kill()
        process.wait()


def _answers(host: str) -> bool:
    name, _, port = host.partition(":")
    with socket.socket() as probe:
        return probe.connect_ex((name, int(port))) == 0
