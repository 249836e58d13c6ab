"""`mlifecycle lock`: newer versions of what models need, and of what their images stand on."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mlifecycle.base_image import BaseImage, BaseImages
from mlifecycle.dependencies.lock import NO_LOCK, changes, resolve
from mlifecycle.dependencies.store import LockStore
from mlifecycle.manifest.loading import load_paths
from mlifecycle.os_patches import PatchStore
from mlifecycle.stack.gating import CACHE
from mlifecycle.stack.settings import StackSettings


@dataclass(frozen=True)
class RenewedLock:
    """The new lock of some models, which need the same.

    Attributes:
        changes: one line for each package that is new, gone or of another version.
        problem: why there is no new one; the old one stays.
    """

    models: tuple[str, ...]
    changes: tuple[str, ...]
    packages: int
    problem: str


def renew_locks(files: Sequence[Path], settings: StackSettings) -> list[RenewedLock]:
    """Lock the dependencies of each manifest anew, and keep that for every later run.

    Raises:
        ManifestError: a manifest is unusable.
        ToolError: the registry, uv or the package index does not answer.
    """
    store = LockStore(settings.registry, CACHE)
    models: dict[tuple[str, ...], list[str]] = {}
    for item in load_paths(files):
        named = item.manifest.spec.dependencies
        models.setdefault(tuple(sorted(named)), []).append(item.manifest.metadata.name)
    renewed = []
    for dependencies, names in models.items():
        before = store.found(dependencies) or NO_LOCK
        after = resolve(dependencies)
        store.keep(dependencies, after)
        changed = () if after.problem else tuple(changes(before, after))
        renewed.append(RenewedLock(tuple(names), changed, len(after.versions), after.problem))
    return renewed


def renew_base_image(settings: StackSettings) -> tuple[BaseImage | None, BaseImage]:
    """Take what the base image's tag and its archive say now; the old, if any, and the new.

    Raises:
        ToolError: a registry, the builder or the archive does not answer.
    """
    images = BaseImages(PatchStore(settings.registry, CACHE), settings.builder)
    return images.kept(settings.base_image), images.renewed(settings.base_image)
