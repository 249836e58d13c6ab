"""Values from JSON as tensors, checked value by value: what numpy would convert, a caller did not
mean.
"""

import math
from http import HTTPStatus
from typing import Any

import numpy as np

from app.errors import RequestError
from app.tensors import Array, TensorSpec

# Beyond, a number is an infinity. Every number of JSON is a finite FP64.
_LARGEST = {"FP16": float(np.finfo(np.float16).max), "FP32": float(np.finfo(np.float32).max)}
_JSON_TYPES = {
    "b": frozenset((bool,)),
    "i": frozenset((int,)),
    "u": frozenset((int,)),
    "f": frozenset((int, float)),
    "O": frozenset((str,)),
}
_WORDS = {
    "b": "true or false",
    "i": "an integer",
    "u": "an integer",
    "f": "a number",
    "O": "a text",
}


def tensor_of_rows(rows: object, spec: TensorSpec, label: str, max_rows: int) -> Array:
    """Nested lists, one for each sample, as a tensor [N, ...] of the spec's type and shape.

    Raises RequestError that names the first wrong row or value.
    """
    if not isinstance(rows, list) or not rows:
        raise RequestError(f"{label} must be a non-empty list of rows")
    require_rows(len(rows), label, max_rows)
    flat: list[Any] = []
    for index, row in enumerate(rows):
        _flatten(row, spec, 1, f"{label}[{index}]", flat)
    sizes = (len(rows), *_sizes(rows, spec))
    if len(flat) != math.prod(sizes):
        raise RequestError(f"{label} has rows of different sizes")
    return _array(flat, spec, label).reshape(sizes)


def tensor_of_data(data: object, shape: tuple[int, ...], spec: TensorSpec, label: str) -> Array:
    """A list, flat or nested as `shape` says, as a tensor of that shape.

    Raises RequestError that names the first wrong value.
    """
    if not isinstance(data, list):
        raise RequestError(f"{label} must be a list")
    flat = data
    while flat and isinstance(flat[0], list):
        if not all(type(part) is list for part in flat):
            raise RequestError(f"{label} mixes lists and values")
        flat = [value for part in flat for value in part]
    count = math.prod(shape)
    if len(flat) != count:
        raise RequestError(f"{label} has {len(flat)} values; its shape {list(shape)} needs {count}")
    return _array(flat, spec, label).reshape(shape)


def require_rows(rows: int, label: str, limit: int) -> None:
    """Raise RequestError for more rows than a request may have."""
    if rows > limit:
        raise RequestError(
            f"{label} has {rows} rows; at most {limit} are allowed",
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            details={"limit": limit},
        )


def require_finite(tensor: Array, spec: TensorSpec, label: str) -> None:
    """Raise RequestError that names the first value that is no number, where none is allowed.

    It is for tensors that came as bytes: those from JSON are finite.
    """
    if tensor.dtype.kind != "f" or np.isfinite(tensor).all():
        return
    wrong = np.isinf(tensor) if spec.allows_nan else ~np.isfinite(tensor)
    if wrong.any():
        place = "".join(f"[{int(index)}]" for index in np.argwhere(wrong)[0])
        raise RequestError(f"{label}{place} is not a finite {spec.datatype}")


def _flatten(part: object, spec: TensorSpec, depth: int, label: str, flat: list[Any]) -> None:
    if depth == len(spec.shape):
        flat.append(part)
        return
    wanted = spec.shape[depth]
    if not isinstance(part, list):
        raise RequestError(f"{label} is not a list of {_nouns(spec)}")
    if wanted not in (-1, len(part)):
        noun = "features" if len(spec.shape) == 2 else "values"
        raise RequestError(f"{label} has {len(part)} values; the model takes {wanted} {noun}")
    if depth + 1 == len(spec.shape):
        flat += part
        return
    for index, inner in enumerate(part):
        _flatten(inner, spec, depth + 1, f"{label}[{index}]", flat)


def _sizes(rows: list[Any], spec: TensorSpec) -> list[int]:
    """The sizes of the first row, which all the others must have."""
    sizes, part = [], rows[0]
    for _ in spec.shape[1:]:
        sizes.append(len(part))
        part = part[0] if part else []
    return sizes


def _array(flat: list[Any], spec: TensorSpec, label: str) -> Array:
    # By exact type, because true is an int to Python.
    if not set(map(type, flat)) <= _JSON_TYPES[spec.dtype.kind]:
        flat = _with_gaps(flat, spec, label)
    elif flat and spec.datatype in _LARGEST:
        # JSON has no infinity, but numbers that become one. Not numpy's way, which costs more than
        # all the rest for the few values of most requests.
        largest = _LARGEST[spec.datatype]
        if max(flat) > largest or min(flat) < -largest:
            index = next(i for i, value in enumerate(flat) if not -largest <= value <= largest)
            raise RequestError(f"{label}{_place(index, spec)} is not a finite {spec.datatype}")
    try:
        return np.array(flat, spec.dtype)
    except OverflowError as error:
        raise RequestError(f"{label} has a value out of range for {spec.datatype}") from error


def _with_gaps(flat: list[Any], spec: TensorSpec, label: str) -> list[Any]:
    """The values, NaN for null where a model takes missing values."""
    kinds = _JSON_TYPES[spec.dtype.kind]
    gap = spec.allows_nan and spec.dtype.kind == "f"
    for index, value in enumerate(flat):
        if type(value) not in kinds and not (gap and value is None):
            place = _place(index, spec)
            raise RequestError(f"{label}{place} is not {_WORDS[spec.dtype.kind]}")
    return [np.nan if value is None else value for value in flat]


def _place(index: int, spec: TensorSpec) -> str:
    """Where a value stands, by row and column where a tensor has these."""
    columns = spec.shape[1] if len(spec.shape) == 2 and spec.shape[1] > 0 else 0
    return f"[{index // columns}][{index % columns}]" if columns else f"[{index}]"


def _nouns(spec: TensorSpec) -> str:
    return {"b": "booleans", "O": "texts"}.get(spec.dtype.kind, "numbers")
