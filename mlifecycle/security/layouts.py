"""Images as OCI layouts on this machine: from the build to the scan and the push."""

import contextlib
import hashlib
import json
import shutil
import time
from pathlib import Path
from typing import Any

from mlifecycle.image.build import TITLE, VERSION
from mlifecycle.process import ToolError

# How long a layout is kept: from a preview to the `up` that follows it.
LAYOUT_SECONDS = 24 * 3600


def layers_of(layout: Path) -> tuple[str, ...]:
    """The digests of an image's layers, the lowest first.

    Raises:
        ToolError: it holds no single image that can be read.
    """
    try:
        return tuple(layer["digest"] for layer in _manifest(layout)["layers"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ToolError(f"{layout} holds no image that can be read: {error}") from error


def configuration_of(layout: Path) -> str:
    """64 hex digits over what an image says of itself, but for whose it is: environment, history.

    Raises:
        ToolError: as `layers_of`.
    """
    try:
        said = json.loads(_blob(layout, _manifest(layout)["config"]["digest"]))
        labels = said["config"].get("Labels") or {}
        said["config"]["Labels"] = {k: v for k, v in labels.items() if k not in (TITLE, VERSION)}
        # Its last layer is the model's own.
        said["rootfs"]["diff_ids"].pop()
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise ToolError(f"{layout} holds no image that can be read: {error}") from error


def lend_layers(kept: Path, layout: Path) -> None:
    """Put the layers that images have in common into an empty layout; the builder writes the rest.

    Without them it would write some hundred megabytes for each model. A layer that is not what its
    name says is not lent, and forgotten.

    Args:
        kept: this machine's folder for the layers of images that differ in their last one only.
    """
    _blobs(layout).mkdir(parents=True)
    for layer in kept.glob("*"):
        # Another run may prune it meanwhile, and some file systems have no links.
        with contextlib.suppress(OSError):
            with layer.open("rb") as content:
                is_whole = hashlib.file_digest(content, "sha256").hexdigest() == layer.name
            if is_whole:
                (_blobs(layout) / layer.name).hardlink_to(layer)
            else:
                layer.unlink()


def keep_layers(layout: Path, kept: Path) -> None:
    """Keep all layers of an image but the last, for `lend_layers`."""
    kept.mkdir(parents=True, exist_ok=True)
    for digest in layers_of(layout)[:-1]:
        name = digest.removeprefix("sha256:")
        with contextlib.suppress(OSError):
            (kept / name).hardlink_to(_blobs(layout) / name)


def prune_layouts(cache: Path) -> None:
    """Remove what is of an earlier day: it is for the push, and is built again where wanted."""
    oldest = time.time() - LAYOUT_SECONDS
    indices = (index for index in (cache / "gate").glob("*/layout/index.json"))
    for made, folder in [
        *((index, index.parent) for index in indices),
        *((kept, kept) for kept in (cache / "layers").glob("*")),
    ]:
        # Another run may remove it meanwhile.
        with contextlib.suppress(FileNotFoundError):
            if made.stat().st_mtime < oldest:
                shutil.rmtree(folder, ignore_errors=True)


def _manifest(layout: Path) -> dict[str, Any]:
    (image,) = json.loads((layout / "index.json").read_bytes())["manifests"]
    manifest: dict[str, Any] = json.loads(_blob(layout, image["digest"]))
    return manifest


def _blob(layout: Path, digest: str) -> bytes:
    return (_blobs(layout) / digest.removeprefix("sha256:")).read_bytes()


def _blobs(layout: Path) -> Path:
    return layout / "blobs" / "sha256"
