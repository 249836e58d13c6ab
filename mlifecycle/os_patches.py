"""The patches of a base image's operating system: what its own archive has newer than the image.

With them are the packages that some runtimes need beside it, which only their images install. apt
looks for all of them on this machine, with the image's sources, keys and list of packages: so the
archive's signatures hold, and the build needs no network. They are kept in the registry, because an
archive drops a package when the next one comes.
"""

import re
import shutil
import tempfile
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mlifecycle import registry
from mlifecycle.digests import folder_digest
from mlifecycle.exclusive import exclusively
from mlifecycle.formats import FORMATS
from mlifecycle.image.build import BUILD_SECONDS, PLATFORM
from mlifecycle.image.names import OsPatches
from mlifecycle.process import ToolError, run_tool

APT_SECONDS = 300
RUNTIME_PACKAGES = {name for item in FORMATS.values() for name in item.system_packages}
_KIND = "application/vnd.mlifecycle.os-patches.v1"
_PACKAGE = "application/vnd.debian.binary-package"
_READ_APT = """\
ARG BASE_IMAGE
FROM ${BASE_IMAGE} AS base
FROM scratch
COPY --from=base /etc/apt/ /etc/apt/
COPY --from=base /usr/share/keyrings/ /usr/share/keyrings/
COPY --from=base /var/lib/dpkg/status /var/lib/dpkg/status
"""
# Only what says where packages come from: an image's apt.conf can name commands to run.
_SOURCES = ("sources.list", "sources.list.d", "trusted.gpg.d", "keyrings")
_SIGNED_BY = re.compile(r"(signed-by\s*[:=]\s*)/", re.IGNORECASE)


@dataclass(frozen=True)
class PatchStore:
    """The patches that a registry keeps, and this machine's until `up` puts them there.

    Attributes:
        registry: a host, or a host with a path.
    """

    registry: str
    cache: Path

    def find(self, base: str, builder: str) -> OsPatches:
        """What the archive has today for a base image, fetched to this machine.

        Args:
            base: `name@sha256:...`.
            builder: the buildx builder that can read it.

        Raises:
            ToolError: the image has no apt, or its archive does not answer or is not signed.
        """
        return self._fetched(lambda folder: _download(base, builder, folder))

    def keep(self, patches: OsPatches) -> None:
        """Put them into the registry for every later build.

        Raises:
            ToolError: the registry refuses.
        """
        if patches.is_none:
            return
        registry.put_files(self._name(patches), _KIND, self._folder(patches), _PACKAGE)

    def copy(self, patches: OsPatches, wanted: Collection[str], target: Path) -> None:
        """Copy the packages into an empty folder: the newer ones, and of the others the wanted.

        Raises:
            ToolError: neither this machine nor the registry has them.
        """
        if patches.is_none:
            return
        if not self._folder(patches).exists():
            self._get(patches)
        left_out = RUNTIME_PACKAGES - set(wanted)
        for package in self._folder(patches).iterdir():
            if package.name.partition("_")[0] not in left_out:
                shutil.copyfile(package, target / package.name)
                (target / package.name).chmod(0o644)

    def _get(self, patches: OsPatches) -> None:
        def get(folder: Path) -> None:
            name = self._name(patches)
            command: list[str | Path] = ["regctl", "artifact", "get", "--output", folder, name]
            run_tool(command, timeout=registry.PUSH_SECONDS)

        remedy = "`mlifecycle lock --base-image` looks for new ones"
        try:
            found = self._fetched(get)
        except ToolError as error:
            raise ToolError(f"the base image's patches cannot be had; {remedy}: {error}") from error
        if found.digest != patches.digest:
            raise ToolError(f"{self._name(patches)} holds other packages; {remedy}")

    def _fetched(self, fetch: Callable[[Path], None]) -> OsPatches:
        parent = self.cache / "os-patches"
        parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=parent) as folder:
            packages = Path(folder) / "packages"
            packages.mkdir()
            fetch(packages)
            found = OsPatches(datetime.now(UTC).date().isoformat(), folder_digest(packages))
            with exclusively(self._folder(found)):
                if not self._folder(found).exists():
                    packages.rename(self._folder(found))
        return found

    def _folder(self, patches: OsPatches) -> Path:
        return self.cache / "os-patches" / patches.digest

    def _name(self, patches: OsPatches) -> str:
        return f"{self.registry}/mlifecycle/os-patches:{patches.digest}"


def _download(base: str, builder: str, folder: Path) -> None:
    with tempfile.TemporaryDirectory() as name:
        root, image = Path(name) / "apt", Path(name) / "image"
        _read_apt(base, builder, image)
        _make_root(image, root)
        options = {
            "Dir": str(root),
            "Dir::Cache::archives": f"{folder}/",
            "APT::Architecture": PLATFORM.partition("/")[2],
            "APT::Architectures": PLATFORM.partition("/")[2],
            "APT::Keep-Downloaded-Packages": "true",
            "Acquire::Languages": "none",
            # Not as another user, who may not write here.
            "APT::Sandbox::User": "root",
        }
        settings = [part for key, value in options.items() for part in ("-o", f"{key}={value}")]
        apt = ["apt-get", "-qq", *settings]
        run_tool([*apt, "--error-on=any", "update"], timeout=APT_SECONDS)
        run_tool([*apt, "--yes", "--download-only", "upgrade"], timeout=APT_SECONDS)
        known = run_tool(["apt-cache", *settings, "pkgnames"], timeout=APT_SECONDS).split()
        # A build that misses one says so: it tries what it has installed.
        if wanted := sorted(RUNTIME_PACKAGES & set(known)):
            install = ["--yes", "--download-only", "--no-install-recommends", "install"]
            run_tool([*apt, *install, *wanted], timeout=APT_SECONDS)
    for left in folder.iterdir():
        if left.is_dir():
            shutil.rmtree(left)
        elif left.suffix != ".deb":
            left.unlink()


def _read_apt(base: str, builder: str, target: Path) -> None:
    with tempfile.TemporaryDirectory() as nothing:
        run_tool(
            [
                *("buildx", "build", "--builder", builder, "--platform", PLATFORM),
                *("--build-arg", f"BASE_IMAGE={base}", "--provenance=false", "--file", "-"),
                *("--output", f"type=local,dest={target}", nothing),
            ],
            timeout=BUILD_SECONDS,
            standard_input=_READ_APT,
        )
    for path in target.rglob("*"):
        if not path.resolve().is_relative_to(target.resolve()):
            place = path.relative_to(target)
            raise ToolError(f"/{place} of {base} is a link to somewhere else: apt would follow it")


def _make_root(image: Path, root: Path) -> None:
    """A root folder for apt: the image's, without its configuration."""
    (root / "etc/apt").mkdir(parents=True)
    for name in _SOURCES:
        source, target = image / "etc/apt" / name, root / "etc/apt" / name
        if source.is_dir():
            shutil.copytree(source, target)
        elif source.exists():
            shutil.copy(source, target)
    shutil.copytree(image / "usr/share/keyrings", root / "usr/share/keyrings")
    (root / "var/lib/dpkg").mkdir(parents=True)
    shutil.copy(image / "var/lib/dpkg/status", root / "var/lib/dpkg/status")
    (root / "var/lib/apt/lists/partial").mkdir(parents=True)
    for file in (root / "etc/apt").rglob("*.[ls]*"):
        if file.suffix in (".list", ".sources"):
            # apt takes the path of a key as this machine's.
            file.write_text(_SIGNED_BY.sub(rf"\g<1>{root}/", file.read_text()))
