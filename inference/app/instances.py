"""What a caller may send to /predict, checked value by value."""

from http import HTTPStatus

import numpy as np
import orjson

from app.errors import RequestError
from app.runtimes import Array

MAX_ROWS = 1024


def parse_instances(body: bytes, columns: int, dtype: str) -> Array:
    """The rows of the request {"instances": [[...], ...]}: `dtype` [N, columns], 1 <= N <= 1024.

    Raises RequestError for anything else: not JSON (which has no NaN and no Infinity), other
    keys, no or too many rows, a row of another length, a value that is no finite `dtype`.
    """
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RequestError(f"the body is not valid JSON: {error}") from error
    if not isinstance(document, dict) or document.keys() != {"instances"}:
        raise RequestError('the body must be a JSON object with the one key "instances"')
    rows = document["instances"]
    if isinstance(rows, list) and len(rows) > MAX_ROWS:
        raise RequestError(
            f"instances has {len(rows)} rows; at most {MAX_ROWS} are allowed",
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        )
    return to_matrix(rows, "instances", columns, dtype)


def to_matrix(rows: object, label: str, columns: int, dtype: str) -> Array:
    """Nested lists of numbers as `dtype` [N, columns]; `label` names them in errors.

    Raises RequestError that names the first wrong row or value.
    """
    if not isinstance(rows, list) or not rows:
        raise RequestError(f"{label} must be a non-empty list of rows")
    for index, row in enumerate(rows):
        if not isinstance(row, list):
            raise RequestError(f"{label}[{index}] is not a list of numbers")
        if len(row) != columns:
            raise RequestError(
                f"{label}[{index}] has {len(row)} values; the model takes {columns} features"
            )
        # By exact type, because true is an int to Python.
        if not {type(value) for value in row} <= {int, float}:
            column = next(i for i, value in enumerate(row) if type(value) not in (int, float))
            raise RequestError(f"{label}[{index}][{column}] is not a number")
    with np.errstate(over="ignore"):  # found below, and named
        matrix = np.array(rows, dtype=np.float64).astype(dtype)
    # orjson lets no infinity and no NaN through, so these are finite numbers that became infinite.
    overflowing = ~np.isfinite(matrix)
    if overflowing.any():
        index, column = (int(i) for i in np.argwhere(overflowing)[0])
        raise RequestError(f"{label}[{index}][{column}] is too large for {dtype}")
    return matrix
