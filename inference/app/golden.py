"""Golden samples: inputs whose outputs are known, so that a wrong model can't become ready."""

from dataclasses import dataclass

import numpy as np
import orjson

from app.errors import RequestError, StartupError
from app.instances import to_matrix
from app.runtimes import Array


@dataclass(frozen=True)
class GoldenSamples:
    """What golden.json promises.

    inputs: [G, F], as the model takes them.
    outputs: float64, first dimension G, the shape the model answers with.
    tolerance: the largest absolute difference that still counts as equal.
    feature_names: F names, in the order of the columns.
    """

    inputs: Array
    outputs: Array
    tolerance: float
    feature_names: tuple[str, ...]


def parse_golden(content: bytes, uri: str, dtype: str) -> GoldenSamples:
    """Read golden.json for a model that takes `dtype`; `uri` names it in errors.

    Raises StartupError when it is unsound.
    """
    try:
        document = orjson.loads(content)
        names = document["feature_names"]
        if not isinstance(names, list) or not names or {type(name) for name in names} != {str}:
            raise ValueError("feature_names must be a non-empty list of strings")
        tolerance = document["tolerance"]
        if type(tolerance) not in (int, float) or not 0 < tolerance < 1:
            raise ValueError("tolerance must be a number between 0 and 1")
        inputs = to_matrix(document["inputs"], "inputs", len(names), dtype)
        outputs = np.asarray(document["outputs"])
        if outputs.dtype.kind not in "fiu" or not np.isfinite(outputs).all():
            raise ValueError("outputs must be finite numbers")
        if outputs.shape[:1] != (len(inputs),):
            raise ValueError(f"{len(inputs)} inputs need as many outputs")
    except KeyError as error:
        raise StartupError(f"Golden samples at {uri} lack {error}") from error
    except (TypeError, ValueError, RequestError) as error:
        raise StartupError(f"Golden samples at {uri} can't be read: {error}") from error
    return GoldenSamples(inputs, outputs.astype(np.float64), float(tolerance), tuple(names))


def check_golden(samples: GoldenSamples, predicted: Array, uri: str) -> None:
    """Raise StartupError, with both values, for the first sample off by more than tolerance.

    predicted: the model's answer to `samples.inputs`. uri: the model file's, for the error.
    """
    if predicted.shape != samples.outputs.shape:
        raise StartupError(
            f"Golden samples do not match {uri}: expected outputs of shape "
            f"{samples.outputs.shape}, got {predicted.shape}"
        )
    # Not `difference > tolerance`: a NaN must count as wrong.
    wrong = ~(np.abs(predicted - samples.outputs) <= samples.tolerance)
    if wrong.any():
        first = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise StartupError(
            f"Golden sample {first[0]} does not match {uri}: expected "
            f"{samples.outputs[first]}, got {predicted[first]} (tolerance {samples.tolerance:g})"
        )
