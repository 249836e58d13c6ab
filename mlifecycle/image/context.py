"""The build context: the system's patches, the server's files and wheels, and the release file.

Folders are relative to the checkout, so that another machine's paths are the same, and their names
carry their content, so that two runs never write one folder.
"""

import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mlifecycle.exclusive import exclusively
from mlifecycle.image.names import BuildInputs, OsPatches
from mlifecycle.process import run_tool

WORK_FOLDER = Path(".mlifecycle")
SERVER_FILES = ("Dockerfile", ".dockerignore", "requirements.txt")
DOWNLOAD_SECONDS = 600
# The machine that serves: what the base image's Python accepts.
PLATFORM = (
    *("--python-version", "3.11", "--implementation", "cp", "--only-binary", ":all:"),
    *("--platform", "manylinux_2_28_x86_64", "--platform", "manylinux_2_17_x86_64"),
    *("--platform", "manylinux2014_x86_64"),
)


@dataclass(frozen=True)
class BuildContext:
    """The folders that a build reads."""

    patches: Path
    server: Path
    wheels: Path
    release: Path


def stage(
    source: Path, inputs: BuildInputs, copy_patches: Callable[[OsPatches, Path], None]
) -> BuildContext:
    """Make the folders, or find them made.

    Args:
        copy_patches: copies the base image's patches into a folder.

    Raises:
        ToolError: patches or a wheel cannot be had, or a hash is another than the lock's.
    """
    patches = WORK_FOLDER / "patches" / inputs.os_patches.digest[:16]
    server = WORK_FOLDER / "server" / inputs.context_digest[:16]
    requirements = (source / "requirements.txt").read_bytes()
    wheels = WORK_FOLDER / "wheels" / hashlib.sha256(requirements).hexdigest()[:16]
    release = WORK_FOLDER / "release" / inputs.digest()[:16]
    _once(patches, lambda folder: copy_patches(inputs.os_patches, folder))
    _once(server, lambda folder: _copy_server(source, folder))
    _once(wheels, lambda folder: _download_wheels(source / "requirements.txt", folder))
    _once(release, lambda folder: _write_release(inputs, folder))
    return BuildContext(patches, server, wheels, release)


def _server_files(source: Path) -> list[Path]:
    modules = sorted(path.relative_to(source) for path in (source / "app").rglob("*.py"))
    return [*map(Path, SERVER_FILES), *modules]


def _once(target: Path, make: Callable[[Path], None]) -> None:
    """Make a folder whole or not at all; a second run waits for the first."""
    with exclusively(target):
        if target.exists():
            return
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            made = Path(folder) / "made"
            made.mkdir()
            make(made)
            made.rename(target)


def _copy_server(source: Path, folder: Path) -> None:
    for file in _server_files(source):
        target = folder / file
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / file, target)
        # The provider's hash of a context counts modes, and git's depend on the umask.
        target.chmod(0o644)
    for parent, _, _ in os.walk(folder):
        Path(parent).chmod(0o755)


def _download_wheels(requirements: Path, folder: Path) -> None:
    run_tool(
        [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"),
            *("--require-hashes", "--disable-pip-version-check", *PLATFORM),
            *("--dest", folder, "--requirement", requirements),
        ],
        timeout=DOWNLOAD_SECONDS,
    )
    for wheel in folder.iterdir():
        wheel.chmod(0o644)


def _write_release(inputs: BuildInputs, folder: Path) -> None:
    release = {
        "name": inputs.model,
        "version": inputs.version,
        "uri": inputs.uri,
        "artifactDigest": inputs.artifact_digest,
        "goldenDigest": inputs.golden_digest,
    }
    file = folder / "app" / "release.json"
    file.parent.mkdir()
    file.write_text(json.dumps(release, indent=2, sort_keys=True) + "\n")
    # A layer is what is here, with modes and times: no umask and no clock may show in it.
    file.chmod(0o444)
    file.parent.chmod(0o755)
    for path in (file, file.parent):
        os.utime(path, (0, 0))
