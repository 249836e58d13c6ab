"""What an artifact is, told by the names of its files, or by the MLmodel file of MLflow."""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import yaml

from mlifecycle.artifact.stored import ArtifactError
from mlifecycle.formats import FORMATS, Format

MLMODEL = "MLmodel"
LARGEST_MLMODEL = 1024 * 1024
# Plain names, one below the other: no way out of the folder.
_PATH = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)*")
# A date that is none is a ValueError; the others are what a document of another shape gives.
UNREADABLE = (
    *(yaml.YAMLError, ValueError, RecursionError),
    *(TypeError, KeyError, AttributeError),
)
# The words for those who have logged a pickle: the call that logs a safe file instead.
SAFE_CALLS = {
    "sklearn": 'mlflow.sklearn.log_model(model, name="model", serialization_format="skops")',
    "pytorch": 'mlflow.pytorch.log_model(model, name="model", input_example=rows)',
    "tensorflow": 'model.export("model") and a manifest that names that folder',
    "lightgbm": 'mlflow.lightgbm.log_model(model.booster_, name="model")',
    "xgboost": 'mlflow.xgboost.log_model(model.get_booster(), name="model", model_format="ubj")',
}


@dataclass(frozen=True)
class ModelFile:
    """The file that is loaded first."""

    format: Format
    name: str


def find_model(names: Collection[str], read: Callable[[str], bytes], uri: str) -> ModelFile:
    """The model of a folder.

    Args:
        names: of the folder's files, each from there.
        read: gives a file's content.

    Raises:
        ArtifactError: there is none, more than one, or one in a format that is not served.
    """
    if MLMODEL in names:
        return _of_mlflow(read(MLMODEL), names, uri)
    found = [
        ModelFile(item, name) for item in FORMATS.values() for name in item.files if name in names
    ]
    if len(found) > 1:
        raise ArtifactError(
            f"{uri} holds several models: {', '.join(model.name for model in found)}"
        )
    if not found:
        served = ", ".join(name for item in FORMATS.values() for name in item.files)
        there = f"; there is {', '.join(sorted(names)[:5])[:200]}" if names else ""
        raise ArtifactError(f"Model file not found at {uri}: none of {served}{there}")
    return found[0]


def _of_mlflow(content: bytes, names: Collection[str], uri: str) -> ModelFile:
    try:
        document = yaml.safe_load(content[:LARGEST_MLMODEL])
        flavors = document["flavors"]
        known = {name: flavor for name, flavor in flavors.items() if name in _FLAVORS}
    # A date that is none is a ValueError.
    except (
        yaml.YAMLError,
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
        RecursionError,
    ) as error:
        raise ArtifactError(f"{uri}/{MLMODEL} cannot be read: {str(error)[:300]}") from error
    if len(known) != 1:
        has = ", ".join(name for name in flavors if isinstance(name, str))[:200]
        raise ArtifactError(
            f"{uri} is an MLflow model of the flavors {has}; served is one of {', '.join(_FLAVORS)}"
        )
    ((flavor, fields),) = known.items()
    wanted = _FLAVORS[flavor](fields if isinstance(fields, dict) else {}, names)
    if wanted is None:
        raise ArtifactError(
            f"{uri} is an MLflow model that was logged as a pickle or as Python objects, which run"
            f" code when they are loaded: log it again with {SAFE_CALLS[flavor]}"
        )
    format_name, name = wanted
    if not _PATH.fullmatch(name) or name not in names:
        raise ArtifactError(f"Model file not found at {uri}/{name[:200]}, which {MLMODEL} names")
    return ModelFile(FORMATS[format_name], name)


# A flavor's fields and the folder's files, to a format and a file; None for what is no data.
_Reader = Callable[[dict[str, Any], Collection[str]], tuple[str, str] | None]


def _text(fields: dict[str, Any], name: str) -> str:
    """A field, where it is a text: an alias can stand for more than memory holds."""
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def _onnx(fields: dict[str, Any], _: Collection[str]) -> tuple[str, str]:
    return "onnx", _text(fields, "data")


def _sklearn(fields: dict[str, Any], _: Collection[str]) -> tuple[str, str] | None:
    # Older folders do not say, and mean a pickle.
    if fields.get("serialization_format") != "skops":
        return None
    return "skops", _text(fields, "pickled_model")


def _xgboost(fields: dict[str, Any], _: Collection[str]) -> tuple[str, str]:
    return "xgboost", _text(fields, "data")


def _lightgbm(fields: dict[str, Any], _: Collection[str]) -> tuple[str, str] | None:
    # Its wrappers for scikit-learn are Python objects.
    if fields.get("model_class") != "lightgbm.basic.Booster":
        return None
    return "lightgbm", _text(fields, "data")


def _pytorch(fields: dict[str, Any], names: Collection[str]) -> tuple[str, str] | None:
    # It does not say how it was written; a pickle is called model.pth.
    name = f"{_text(fields, 'model_data')}/model.pt2"
    return ("torch_export", name) if name in names else None


def _tensorflow(fields: dict[str, Any], _: Collection[str]) -> tuple[str, str] | None:
    folder = _text(fields, "saved_model_dir")
    return ("saved_model", f"{folder}/saved_model.pb") if folder else None


_FLAVORS: dict[str, _Reader] = {
    "onnx": _onnx,
    "sklearn": _sklearn,
    "xgboost": _xgboost,
    "lightgbm": _lightgbm,
    "pytorch": _pytorch,
    "tensorflow": _tensorflow,
}
