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
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from mlifecycle.digests import whole_digest
from mlifecycle.exclusive import exclusively, write_whole
from mlifecycle.formats import FORMATS
from mlifecycle.image.names import BuildInputs, OsPatches
from mlifecycle.process import run_tool

WORK_FOLDER = Path(".mlifecycle")
SERVER_FILES = ("Dockerfile", ".dockerignore")
RUNTIMES = Path("app") / "runtimes"
REQUIREMENTS = "requirements.txt"
DOWNLOAD_SECONDS = 600
# The machine that serves: what the base image's Python accepts.
PLATFORM = (
    *("--python-version", "3.11", "--implementation", "cp", "--only-binary", ":all:"),
    # Each by name, the newest first: pip takes none to stand for older ones (PEP 600).
    *(f"--platform=manylinux_2_{minor}_x86_64" for minor in range(28, 16, -1)),
    "--platform=manylinux2014_x86_64",
)


@dataclass(frozen=True)
class BuildContext:
    """The folders that a build reads."""

    patches: Path
    server: Path
    wheels: Path
    release: Path


def stage(
    source: Path,
    inputs: BuildInputs,
    copy_patches: Callable[[OsPatches, Collection[str], Path], None],
    cache: Path,
) -> BuildContext:
    """Make the folders, or find those that this machine has made.

    Args:
        cache: this machine's folder, which no checkout writes to.
        copy_patches: copies the base image's patches, with what a runtime wants of its packages,
            into a folder.

    Raises:
        ToolError: patches or a wheel cannot be had, or a hash is another than the lock's.
    """
    wanted = FORMATS[inputs.format_name].system_packages
    patches = WORK_FOLDER / "patches" / "-".join([inputs.os_patches.digest[:16], *wanted])
    server = WORK_FOLDER / "server" / inputs.context_digest[:16]
    runtime = FORMATS[inputs.format_name].runtime
    requirements = source / RUNTIMES / runtime / REQUIREMENTS
    wheels = WORK_FOLDER / "wheels" / hashlib.sha256(requirements.read_bytes()).hexdigest()[:16]
    release = WORK_FOLDER / "release" / inputs.digest()[:16]
    _once(patches, cache, lambda folder: copy_patches(inputs.os_patches, wanted, folder))
    _once(server, cache, lambda folder: _copy_server(source, runtime, folder))
    # Their hashes are asked for where they are installed: any machine's are as good.
    if not wheels.is_dir():
        _once(wheels, cache, lambda folder: _download_wheels(requirements, folder))
    _once(release, cache, lambda folder: _write_release(inputs, folder))
    return BuildContext(patches, server, wheels, release)


def in_one_folder(context: BuildContext, inputs: BuildInputs, cache: Path) -> Path:
    """The same as one folder, for a builder that takes no other."""
    target = WORK_FOLDER / "whole" / inputs.digest()[:16]

    def copy(folder: Path) -> None:
        shutil.copytree(context.server, folder, dirs_exist_ok=True)
        for name in ("patches", "wheels", "release"):
            # Times too: a layer is what is here.
            shutil.copytree(getattr(context, name), folder / name)

    _once(target, cache, copy)
    return target


def server_digests(source: Path, runtime: str) -> list[str]:
    """`<sha256>  <file>` of each file of a runtime's server, where it is in the image's context."""
    return [
        f"{hashlib.sha256((source / file).read_bytes()).hexdigest()}  {target}"
        for target, file in _server_files(source, runtime).items()
    ]


def _server_files(source: Path, runtime: str) -> dict[Path, Path]:
    """Each file of the build context, and the file of the source that it is."""
    own = source / RUNTIMES / runtime
    found = [*(source / name for name in SERVER_FILES), *sorted((source / "app").glob("*.py"))]
    found += [source / RUNTIMES / "__init__.py", *sorted(own.glob("*.py"))]
    # Its lists are read where it runs; what it is installed from is not.
    lists = sorted(path for path in own.iterdir() if path.suffix in (".txt", ".json"))
    found += [path for path in lists if path.name != REQUIREMENTS]
    files = {path.relative_to(source): path.relative_to(source) for path in found}
    files[Path(REQUIREMENTS)] = RUNTIMES / runtime / REQUIREMENTS
    return files


def _once(target: Path, cache: Path, make: Callable[[Path], None]) -> None:
    """Make a folder whole or not at all; a second run waits for the first.

    Whoever changes the checkout can put a folder there too: it is taken if it is what this machine
    makes, and replaced if not.
    """
    record = cache / "staged" / hashlib.sha256(str(target).encode()).hexdigest()
    with exclusively(target):
        if record.exists() and _is(target, record.read_text()):
            return
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            made = Path(folder) / "made"
            made.mkdir()
            make(made)
            digest = whole_digest(made)
            if not _is(target, digest):
                _remove(target)
                made.rename(target)
        write_whole(record, digest)


def _is(folder: Path, digest: str) -> bool:
    return folder.is_dir() and not folder.is_symlink() and whole_digest(folder) == digest


def _remove(path: Path) -> None:
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)


def _copy_server(source: Path, runtime: str, folder: Path) -> None:
    for place, file in _server_files(source, runtime).items():
        target = folder / place
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
        "format": inputs.format_name,
        "model": inputs.model_file,
        "files": list(inputs.files),
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
