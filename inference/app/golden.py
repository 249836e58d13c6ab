"""Golden samples: inputs whose outputs are known, so that a wrong model can't become ready."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from app.errors import RequestError, StartupError
from app.tensors import Array, TensorSpec
from app.values import tensor_of_rows

_MOST_SAMPLES = 1024


@dataclass(frozen=True)
class GoldenSamples:
    """What golden.json promises.

    tensors: for each of the model's inputs, G rows of its type.
    outputs: by the names of some of the model's outputs, G rows of what it answers.
    tolerance: the largest absolute difference that still counts as equal.
    """

    tensors: dict[str, Array]
    outputs: dict[str, Array]
    tolerance: float


def parse_golden(
    content: bytes, uri: str, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]
) -> GoldenSamples:
    """Read golden.json for a model of that signature; `uri` names it in errors.

    `inputs` and `outputs` in it are objects by tensors' names, or lists for a model's one input
    and its first output. Raises StartupError when it is unsound.
    """
    try:
        document = orjson.loads(content)
        tolerance = document["tolerance"]
        if type(tolerance) not in (int, float) or not 0 < tolerance < 1:
            raise ValueError("tolerance must be a number between 0 and 1")
        tensors = _inputs(document["inputs"], inputs)
        rows = {len(tensor) for tensor in tensors.values()}
        expected = _outputs(document["outputs"], outputs)
        if len(rows | {len(tensor) for tensor in expected.values()}) != 1:
            raise ValueError(f"{max(rows)} inputs need as many outputs")
        _check_feature_names(document.get("feature_names"), inputs)
    except KeyError as error:
        raise StartupError(f"Golden samples at {uri} lack {error}") from error
    except (TypeError, ValueError, RequestError) as error:
        raise StartupError(f"Golden samples at {uri} can't be read: {error}") from error
    return GoldenSamples(tensors, expected, float(tolerance))


def check_golden(samples: GoldenSamples, found: Mapping[str, Array], uri: str) -> None:
    """Raise StartupError, with both values, for the first sample off by more than tolerance.

    found: the model's answers to `samples.tensors`. uri: the model file's, for the error.
    """
    for name, expected in samples.outputs.items():
        predicted = found[name]
        if predicted.shape != expected.shape:
            raise StartupError(
                f"Golden samples do not match {uri}: expected {name} of shape "
                f"{expected.shape}, got {predicted.shape}"
            )
        if expected.dtype.kind == "O":
            wrong = predicted.astype(np.str_) != expected.astype(np.str_)
        else:
            difference = np.abs(predicted.astype(np.float64) - expected)
            # Not `difference > tolerance`: a NaN must count as wrong.
            wrong = ~(difference <= samples.tolerance)
        if wrong.any():
            first = tuple(int(i) for i in np.argwhere(wrong)[0])
            raise StartupError(
                f"Golden sample {first[0]} does not match {uri}: expected {name} "
                f"{expected[first]!s}, got {predicted[first]!s} (tolerance {samples.tolerance:g})"
            )


def _inputs(given: Any, specs: Sequence[TensorSpec]) -> dict[str, Array]:
    if not isinstance(given, dict):
        if len(specs) != 1:
            raise ValueError(f"inputs must name {', '.join(spec.name for spec in specs)}")
        given = {specs[0].name: given}
    if given.keys() != {spec.name for spec in specs}:
        raise ValueError(f"inputs must name {', '.join(spec.name for spec in specs)}")
    tensors = {}
    for spec in specs:
        tensors[spec.name] = tensor_of_rows(given[spec.name], spec, "inputs", _MOST_SAMPLES)
    return tensors


def _outputs(given: Any, specs: Sequence[TensorSpec]) -> dict[str, Array]:
    named = given if isinstance(given, dict) else {specs[0].name: given}
    kinds = {spec.name: spec.datatype for spec in specs}
    expected = {}
    for name, values in named.items():
        if name not in kinds:
            raise ValueError(f"the model has no output {name!r}")
        if kinds[name] == "BYTES":
            expected[name] = np.array(values, np.object_)
            continue
        array = np.asarray(values)
        if array.ndim == 0:
            raise ValueError("outputs must be a list with an output for each input")
        if array.dtype.kind not in "fiub" or not np.isfinite(array).all():
            raise ValueError("outputs must be finite numbers")
        expected[name] = array.astype(np.float64)
    if not expected:
        raise ValueError("outputs must name an output")
    return expected


def _check_feature_names(given: Any, specs: Sequence[TensorSpec]) -> None:
    """They say nothing to the model, but as many as columns there must be."""
    if given is None:
        return
    if not isinstance(given, list) or not given or {type(name) for name in given} != {str}:
        raise ValueError("feature_names must be a non-empty list of strings")
    if len(specs) != 1 or len(specs[0].shape) != 2 or specs[0].shape[1] not in (-1, len(given)):
        raise ValueError(f"the model does not take {len(given)} features")
