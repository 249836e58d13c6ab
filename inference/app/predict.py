"""The plain way to ask: {"instances": rows}, answered with {"predictions": ...}."""

from collections.abc import Sequence
from typing import Any

import orjson

from app.errors import RequestError
from app.release import Release
from app.tensors import Array, TensorSpec
from app.values import tensor_of_rows


def decode(body: bytes, inputs: Sequence[TensorSpec], max_rows: int) -> dict[str, Array]:
    """The rows of {"instances": [...]}: lists for a model's one input, else objects by its names.

    Raises RequestError for anything else: not JSON (which has no NaN and no Infinity), other
    keys, no or too many rows, a row of another length, a value of another type.
    """
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RequestError(f"the body is not valid JSON: {error}") from error
    if not isinstance(document, dict) or document.keys() != {"instances"}:
        raise RequestError('the body must be a JSON object with the one key "instances"')
    rows = document["instances"]
    tensors = {}
    for spec in inputs:
        label = "instances" if len(inputs) == 1 else f"instances' {spec.name}"
        column = rows if len(inputs) == 1 else _column(rows, spec.name, inputs)
        tensor = tensor_of_rows(column, spec, label, max_rows)
        # Else its shape was the measure of each row.
        if not spec.is_in_rows and not spec.takes(tensor.shape):
            raise RequestError(
                f"{label} has {len(tensor)} rows; the model takes {spec.shape[:1]}: use /v2"
            )
        tensors[spec.name] = tensor
    return tensors


def encode(release: Release, output: Array) -> bytes:
    """The answer's body: the model's first output, and who gave it."""
    plain = output.dtype.kind in "OUS" or output.dtype.itemsize == 2
    return orjson.dumps(
        {
            "predictions": output.tolist() if plain else output,
            "model": release.name,
            "version": release.version,
        },
        option=orjson.OPT_SERIALIZE_NUMPY,
    )


def _column(rows: object, name: str, inputs: Sequence[TensorSpec]) -> list[Any]:
    if not isinstance(rows, list) or not rows:
        raise RequestError("instances must be a non-empty list of objects")
    names = {spec.name for spec in inputs}
    for index, row in enumerate(rows):
        if not isinstance(row, dict) or row.keys() != names:
            raise RequestError(f"instances[{index}] must have {', '.join(sorted(names))}")
    return [row[name] for row in rows]
