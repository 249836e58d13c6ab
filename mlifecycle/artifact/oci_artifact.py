"""Models in an OCI registry: a ModelPack or ORAS artifact with its files, or an image of them.

https://github.com/modelpack/model-spec/blob/main/docs/spec.md
https://kserve.github.io/website/docs/model-serving/storage/providers/oci (modelcars)
The server reads them by the same rules (inference/app/oci_artifact.py).
"""

import json
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlifecycle.artifact.stored import ArtifactError, StoredFile, StoredFolder
from mlifecycle.exclusive import exclusively, write_whole
from mlifecycle.process import ToolError, run_tool
from mlifecycle.registry import DIGEST, is_absence

SCHEME = "oci://"
# What a layer's file is called, by the specification of ModelPack, and by that of images.
TITLES = ("org.cncf.model.filepath", "org.opencontainers.image.title")
# Where an image keeps its model.
IMAGE_FOLDER = "models/"
# Of an image for several, the one whose node it runs on.
PLATFORM = ("--platform", "linux/amd64")
LARGEST_LAYER = 8 * 1024**3
REQUEST_SECONDS, BLOB_SECONDS = 60, 600


def open_artifact(uri: str, cache: Path) -> StoredFolder:
    """The files of an artifact; its uri is by digest from here on, so that a tag may move.

    Args:
        cache: this machine's folder for what is known of a layer.

    Raises:
        ArtifactError: the registry does not answer, or has nothing there that is an artifact.
    """
    reference = uri.removeprefix(SCHEME).rstrip("/")
    repository, manifest = _manifest(reference)
    digest = _asked(uri, ["regctl", "image", "digest", *PLATFORM, reference]).strip()
    if not DIGEST.fullmatch(digest):
        raise ArtifactError(f"Model store cannot deliver {uri}: {digest[:100]!r} is no digest")
    files: dict[str, StoredFile] = {}
    places: dict[str, tuple[str, str]] = {}
    for layer in manifest.get("layers") or ():
        for name, member, size in _files(repository, layer, cache):
            files[name] = StoredFile(name, layer["digest"], size)
            places[name] = layer["digest"], member

    def fetch(file: StoredFile) -> bytes:
        layer, member = places[file.name]
        with _blob(repository, layer) as blob:
            return _member(blob, member) if member else blob.read_bytes()

    return StoredFolder(f"{SCHEME}{repository}@{digest}", files, fetch)


def _manifest(reference: str) -> tuple[str, dict[str, Any]]:
    repository = reference.partition("@")[0]
    # A colon before the last slash is a port's.
    name, _, last = repository.rpartition("/")
    repository = f"{name}/{last.partition(':')[0]}"
    uri = f"{SCHEME}{reference}"
    command = ["regctl", "manifest", "get", *PLATFORM, "--format", "raw-body", reference]
    text = _asked(uri, command)
    try:
        document = json.loads(text)
        layers = document["layers"]
        if not all(DIGEST.fullmatch(layer["digest"]) and layer["size"] >= 0 for layer in layers):
            raise ValueError("a layer has no digest")
    except (ValueError, KeyError, TypeError) as error:
        raise ArtifactError(f"{uri} is no artifact of files: {error}") from error
    return repository, document


def _files(repository: str, layer: dict[str, Any], cache: Path) -> Iterator[tuple[str, str, int]]:
    """Of a layer: each file's name, its name in the layer's archive if it is one, and its size."""
    kind = str(layer.get("mediaType", ""))
    if not kind.endswith(("tar", "tar+gzip", "tar.gzip")):
        annotations = layer.get("annotations") or {}
        name = next((annotations[key] for key in TITLES if key in annotations), "")
        if name:
            yield str(name), "", layer["size"]
        return
    is_image = ".image." in kind
    for member, size in _listed(repository, layer["digest"], cache):
        name = member.removeprefix("./").removeprefix("/")
        if not is_image:
            yield name, member, size
        elif name.startswith(IMAGE_FOLDER):
            yield name.removeprefix(IMAGE_FOLDER), member, size


def _listed(repository: str, digest: str, cache: Path) -> list[tuple[str, int]]:
    """The files of a layer's archive, which is read once on this machine."""
    known = cache / "artifacts" / f"{digest.removeprefix('sha256:')}.layer.json"
    with exclusively(known):
        if known.exists():
            return [(str(name), int(size)) for name, size in json.loads(known.read_text())]
        with _blob(repository, digest) as blob:
            try:
                found = list(_members(blob))
            except (ValueError, tarfile.TarError, OSError, EOFError) as error:
                uri = f"{SCHEME}{repository}@{digest}"
                raise ArtifactError(f"Layer {uri} cannot be read: {error}") from error
        write_whole(known, json.dumps(found))
        return found


def _members(blob: Path) -> Iterator[tuple[str, int]]:
    """Raises ValueError for what would take for ever to read."""
    total = 0
    with tarfile.open(blob, "r:*") as archive:
        for item in archive:
            total += item.size
            if total > LARGEST_LAYER:
                raise ValueError(f"it holds over {LARGEST_LAYER} bytes")
            if item.isreg():
                yield item.name, item.size


def _member(blob: Path, name: str) -> bytes:
    with tarfile.open(blob, "r:*") as archive:
        content = archive.extractfile(name)
        return content.read() if content else b""


@contextmanager
def _blob(repository: str, digest: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "blob"
        try:
            run_tool(
                ["regctl", "blob", "get", repository, digest],
                timeout=BLOB_SECONDS,
                target=target,
            )
        except ToolError as error:
            uri = f"{SCHEME}{repository}@{digest}"
            raise ArtifactError(f"Model store cannot deliver {uri}: {error}") from error
        yield target


def _asked(uri: str, command: list[str]) -> str:
    try:
        return run_tool(command, timeout=REQUEST_SECONDS)
    except ToolError as error:
        if is_absence(error):
            raise ArtifactError(f"Model file not found at {uri}") from error
        raise ArtifactError(f"Model store cannot deliver {uri}: {error}") from error
