"""The images that the local platform brings: pause, the ingress controller, and the stand-in for
python:3.11-slim.
"""

import hashlib
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import httpx

from devcluster.errors import EnvironmentUnfit
from devcluster.platform.layout import Layout
from devcluster.toolchain import Toolchain
from mlifecycle.exclusive import exclusively
from mlifecycle.process import run_tool

SOURCES = Path(__file__).parents[1] / "images"
# Images that are one binary, by the name of their tool.
BINARIES = ("pause", "skipper")
PYTHON_BASE = "library/python:3.11-slim"
# The name that the committed stack files give the builder.
BUILDER = "mlifecycle"
SUITE = "bookworm"
# What serving needs of the system, and venv with its bundled pip for the build stage.
# python3-distutils is what python3.11-venv asks for by a virtual name; debootstrap follows none.
INCLUDED = "ca-certificates,python3.11,python3.11-venv,python3-distutils"
# Where the public image has its pip: what is built on it must not keep it.
PIP = ("usr/local/bin/pip", "usr/local/lib/python3.11/site-packages/pip/__init__.py")
BUILD_SECONDS = 600


def client_environment(layout: Layout) -> dict[str, str]:
    """What clients of the platform's builder and registry need in their environment."""
    return {
        "BUILDX_CONFIG": str(layout.state / "buildx"),
        "REGCTL_CONFIG": str(layout.state / "regctl.json"),
    }


def ensure_clients(layout: Layout, bin_dir: Path) -> None:
    """Tell regctl about the registry, and buildx about the builder, a remote one on its socket."""
    if not (layout.state / "regctl.json").exists():
        plain_http = ["registry", "set", "--tls", "disabled", layout.registry]
        _client(layout, bin_dir, "regctl", *plain_http)
    if (layout.state / "buildx" / "instances" / BUILDER).exists():
        return
    socket = f"unix://{layout.state}/run/buildkit.sock"
    command = ["create", "--name", BUILDER, "--driver", "remote", socket]
    _client(layout, bin_dir, "buildx", *command)


def ensure_images(layout: Layout, toolchain: Toolchain, report: Callable[[str], None]) -> None:
    """Push what the registry lacks."""
    bin_dir = toolchain.bin_dir
    for name in BINARIES:
        if not _is_in_registry(layout, f"{name}:1"):
            with tempfile.TemporaryDirectory() as folder:
                shutil.copy(toolchain.paths[name], folder)
                _push(layout, bin_dir, SOURCES / name, Path(folder), f"{name}:1")
    if not _is_in_registry(layout, PYTHON_BASE):
        context = _ensure_root_filesystem(layout.cache, report)
        report("pushing the base image to the local registry")
        _push(layout, bin_dir, SOURCES / "python", context, PYTHON_BASE)


def _ensure_root_filesystem(cache: Path, report: Callable[[str], None]) -> Path:
    key = hashlib.sha256(f"{SUITE} {INCLUDED} {PIP}".encode()).hexdigest()[:8]
    target = cache / f"python-{SUITE}-base-{key}"
    with exclusively(target):
        if (target / "rootfs.tar").exists():
            return target
        report(f"making the stand-in base image with debootstrap ({SUITE}, about 60 s, once)")
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            root = Path(folder) / "root"
            _debootstrap(root)
            _name_archives(root)
            _trim(root)
            context = Path(folder) / "context"
            context.mkdir()
            _tar(root, context / "rootfs.tar")
            context.rename(target)
    return target


def _debootstrap(root: Path) -> None:
    included = f"--include={INCLUDED}"
    command: list[str | Path] = [
        "debootstrap",
        "--variant=minbase",
        included,
        SUITE,
        root,
        _mirror(),
    ]
    run_tool(command, timeout=BUILD_SECONDS)


def _mirror() -> str:
    """The archive that this machine's apt uses."""
    archives = [line.split()[0] for line in _archives() if "-security" not in line]
    if not archives:
        raise EnvironmentUnfit("apt knows no Debian archive: see /etc/apt/sources.list")
    return archives[0]


def _name_archives(root: Path) -> None:
    """Name the suites with security updates too, as the public image does."""
    lines = [line for line in _archives() if line.split()[1].startswith(SUITE)]
    if lines:
        text = "".join(f"deb {line}\n" for line in lines)
        (root / "etc/apt/sources.list").write_text(text)


def _archives() -> list[str]:
    """Each of Debian's archives that this machine's apt uses: its address, suite and component."""
    form = "$(REPO_URI) $(RELEASE) $(COMPONENT)"
    command = ["apt-get", "indextargets", "--format", form, "Created-By: Packages"]
    lines = run_tool(command, timeout=60).splitlines()
    names = ("/debian", "/debian-security")
    return [line for line in lines if line.split()[0].rstrip("/").endswith(names)]


def _trim(root: Path) -> None:
    """Put Python and pip where the public image has them; drop what only apt uses."""
    for name in ("python", "python3", "python3.11"):
        (root / "usr/local/bin" / name).symlink_to("/usr/bin/python3.11")
    for name in PIP:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    for folder in ("var/cache/apt", "var/lib/apt/lists", "var/log", "usr/share/doc", "dev"):
        for entry in (root / folder).iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()


def _tar(root: Path, target: Path) -> None:
    # One time for all files: the same packages give the same bytes.
    run_tool(
        [
            *("tar", "--create", "--file", target, "--directory", root, "--sort=name"),
            *("--mtime=@0", "--numeric-owner", "--exclude=__pycache__", "."),
        ],
        timeout=BUILD_SECONDS,
    )


def _is_in_registry(layout: Layout, image: str) -> bool:
    repository, tag = image.split(":")
    response = httpx.head(
        f"http://{layout.registry}/v2/{repository}/manifests/{tag}",
        headers={"Accept": "application/vnd.oci.image.manifest.v1+json"},
        timeout=20,
    )
    return response.status_code == 200


def _push(layout: Layout, bin_dir: Path, source: Path, context: Path, image: str) -> None:
    _client(
        layout,
        bin_dir,
        "buildx",
        *("build", "--builder", BUILDER, "--file", str(source / "Dockerfile")),
        # No clock: the same files give the same digest, in the next platform too.
        *("--provenance=false", "--build-arg", "SOURCE_DATE_EPOCH=0", "--output"),
        f"type=image,name={layout.registry}/{image},push=true,rewrite-timestamp=true",
        str(context),
    )


def _client(layout: Layout, bin_dir: Path, tool: str, *arguments: str) -> None:
    run_tool(
        [bin_dir / tool, *arguments], timeout=BUILD_SECONDS, environment=client_environment(layout)
    )
