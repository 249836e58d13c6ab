"""The release file: the only source of the model's identity.

It is the image's last layer, so changing the image (`kubectl set image`, `rollout undo`) changes
the model, and nothing else can.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import orjson

from app.errors import StartupError

GOLDEN_FILE = "golden.json"
# What a model can be: each format is a module of its runtime's folder in app/runtimes.
FORMATS = {
    "onnx": "onnx",
    "skops": "sklearn",
    "pickle": "sklearn",
    "xgboost": "xgboost",
    "lightgbm": "lightgbm",
    "torch_export": "torch",
    "saved_model": "tensorflow",
}

_TEXTS = ("name", "version", "uri", "format", "model", "artifactDigest", "goldenDigest")
_KEYS = (*_TEXTS, "files")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class Release:
    """What this image serves.

    name, version: as in the manifest; answered by /ready and with every prediction.
    uri: the artifact's prefix, without a trailing slash.
    format: one of FORMATS; says what loads it.
    files: the names of the artifact's files, below the prefix; golden.json may be one.
    model: the one of them that is loaded first.
    artifact_digest: "sha256:<hex>" over the artifact's files (app.model.artifact_digest).
    golden_digest: "sha256:<hex>" of golden.json alone; empty where there are no golden samples.
    """

    name: str
    version: str
    uri: str
    format: str
    model: str
    files: tuple[str, ...]
    artifact_digest: str
    golden_digest: str


def read_release(path: Path) -> Release:
    """Read the release file at `path`.

    Raises StartupError when it is missing, is not a JSON object of exactly the known keys, holds
    a wrong value, or a digest is not of the form "sha256:<64 hex>".
    """
    try:
        document = orjson.loads(path.read_bytes())
    except OSError as error:
        raise StartupError(f"Release file {path} can't be read: {error.strerror}") from error
    except orjson.JSONDecodeError as error:
        raise StartupError(f"Release file {path} is not valid JSON: {error}") from error
    if not isinstance(document, dict):
        raise StartupError(f"Release file {path} is not a JSON object")
    if unknown := sorted(document.keys() - set(_KEYS)):
        raise StartupError(f"Release file {path} has unknown keys: {', '.join(unknown)}")
    files = document.get("files")
    if not isinstance(files, list) or not all(isinstance(name, str) for name in files):
        raise StartupError(f"Release file {path}: files must be a list of names")
    for key in _TEXTS:
        value = document.get(key)
        if key == "goldenDigest" and value == "" and GOLDEN_FILE not in document["files"]:
            continue
        if not isinstance(value, str) or not value:
            raise StartupError(f"Release file {path}: {key} must be a non-empty string")
        if key.endswith("Digest") and not _DIGEST.fullmatch(value):
            raise StartupError(f"Release file {path}: {key} must be sha256:<64 hex digits>")
    if document["format"] not in FORMATS:
        raise StartupError(f"Release file {path}: format must be one of {', '.join(FORMATS)}")
    if document["model"] not in files:
        raise StartupError(f"Release file {path}: files must have the model")
    return Release(
        name=document["name"],
        version=document["version"],
        uri=document["uri"].rstrip("/"),
        format=document["format"],
        model=document["model"],
        files=tuple(files),
        artifact_digest=document["artifactDigest"],
        golden_digest=document["goldenDigest"],
    )
