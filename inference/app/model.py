"""Turn an artifact's bytes into a model that is proven to be the released one."""

import hashlib
import time
from collections.abc import Mapping
from importlib import import_module

import numpy as np

from app.errors import StartupError
from app.golden import GoldenSamples, check_golden, parse_golden
from app.release import FORMATS, GOLDEN_FILE, Release
from app.runtimes import Runtime
from app.tensors import Array, TensorSpec

_WARM_UP_RUNS = 3
_PROBE_ROWS = 3
# How far a sample in a batch may be from the same one alone: another order of summation.
_BATCH_TOLERANCE = 1e-3


class Model:
    """A loaded model that answers for one release. Threads may share it.

    release: what it is. inputs, outputs: its signature. verified: how many golden samples it has
    answered. can_batch: whether samples of several requests may share a run. seconds_per_row: what
    a row takes, as measured when it was warm.
    """

    def __init__(self, release: Release, runtime: Runtime, samples: GoldenSamples | None) -> None:
        self.release = release
        self.inputs: tuple[TensorSpec, ...] = runtime.inputs
        self.outputs: tuple[TensorSpec, ...] = runtime.outputs
        self.verified = _rows(samples.tensors) if samples else 0
        self.can_batch = False
        self.seconds_per_row = 0.0
        self.infer = runtime.infer


def artifact_digest(files: Mapping[str, bytes]) -> str:
    """The digest of a set of files: "sha256:<hex>" of its sorted "<sha256 hex>  <name>" lines."""
    lines = [
        f"{hashlib.sha256(content).hexdigest()}  {name}\n"
        for name, content in sorted(files.items())
    ]
    return _digest("".join(lines).encode())


def load_model(release: Release, files: Mapping[str, bytes]) -> Model:
    """Verify, load, warm and prove the artifact `files` (the release's, by name).

    Raises StartupError when bytes differ from the release's digests, the file can't be loaded
    safely, a golden sample comes out different, or an answer is not what the signature says.
    """
    _check_digest("Model artifact", release.uri, release.artifact_digest, artifact_digest(files))
    uri = f"{release.uri}/{release.model}"
    runtime = _load_runtime(release, files, uri)
    samples = None
    if GOLDEN_FILE in files:
        golden_uri = f"{release.uri}/{GOLDEN_FILE}"
        digest = _digest(files[GOLDEN_FILE])
        _check_digest("Golden samples", golden_uri, release.golden_digest, digest)
        samples = parse_golden(files[GOLDEN_FILE], golden_uri, runtime.inputs, runtime.outputs)
    model = Model(release, runtime, samples)
    tensors = samples.tensors if samples else _probe(model.inputs)
    try:
        found, model.seconds_per_row = _warm_up(model, tensors)
        model.can_batch = _can_batch(model, tensors, found)
    except Exception as error:  # the libraries have no common base class for their errors
        raise StartupError(f"Model {uri} can't predict: {_short(error)}") from error
    _check_signature(model, found, uri)
    if samples:
        names = [output.name for output in model.outputs]
        check_golden(samples, dict(zip(names, found, strict=True)), uri)
    return model


def _load_runtime(release: Release, files: Mapping[str, bytes], uri: str) -> Runtime:
    # One of the table's, whatever the release file says; an image has its format's runtime alone.
    module = import_module(f"app.runtimes.{FORMATS[release.format]}.{release.format}")
    try:
        runtime: Runtime = module.load(files, release.model)
    except Exception as error:  # the libraries have no common base class for their errors
        raise StartupError(f"Model {uri} can't be loaded: {_short(error)}") from error
    if not runtime.inputs or not runtime.outputs:
        raise StartupError(f"Model {uri} can't be served: it has no inputs, or no outputs")
    return runtime


def _probe(inputs: tuple[TensorSpec, ...]) -> dict[str, Array]:
    """Zeros, or empty texts, of a shape that each input takes."""
    return {
        spec.name: np.full(
            [
                _PROBE_ROWS if axis == 0 and size == -1 else max(1, size)
                for axis, size in enumerate(spec.shape)
            ],
            "" if spec.datatype == "BYTES" else 0,
            spec.dtype,
        )
        for spec in inputs
    }


def _warm_up(model: Model, tensors: Mapping[str, Array]) -> tuple[list[Array], float]:
    """What the model answers, and the seconds that a row takes.

    The first runs allocate: no caller should pay for that. One row and many, because memory is
    planned per shape.
    """
    one = _first(model, tensors, 1)
    for _ in range(_WARM_UP_RUNS):
        model.infer(one)
        started = time.perf_counter()
        found = model.infer(tensors)
        seconds = time.perf_counter() - started
    return found, seconds / _rows(tensors)


def _can_batch(model: Model, tensors: Mapping[str, Array], found: list[Array]) -> bool:
    """Whether any rows can be put together, and each is answered alone as it is among others."""
    if not all(spec.is_in_rows for spec in (*model.inputs, *model.outputs)):
        return False
    if any(-1 in spec.shape[1:] for spec in model.inputs):
        return False
    alone = model.infer(_first(model, tensors, 1))
    return all(
        one.shape[1:] == many.shape[1:]
        and (
            one.dtype.kind not in "fc"
            or np.allclose(one[0], many[0], _BATCH_TOLERANCE, _BATCH_TOLERANCE, equal_nan=True)
        )
        for one, many in zip(alone, found, strict=True)
    )


def _first(model: Model, tensors: Mapping[str, Array], rows: int) -> dict[str, Array]:
    return {
        spec.name: tensors[spec.name][:rows] if spec.is_in_rows else tensors[spec.name]
        for spec in model.inputs
    }


def _check_signature(model: Model, found: list[Array], uri: str) -> None:
    for spec, tensor in zip(model.outputs, found, strict=True):
        kinds = "OUS" if spec.datatype == "BYTES" else spec.dtype.kind
        if tensor.dtype.kind not in kinds or not spec.takes(tensor.shape):
            raise StartupError(
                f"Model {uri} can't be served: its output {spec.name} is {tensor.dtype} "
                f"{list(tensor.shape)}, not {spec.datatype} {list(spec.shape)}"
            )


def _rows(tensors: Mapping[str, Array]) -> int:
    return max(1, *(len(tensor) if tensor.ndim else 1 for tensor in tensors.values()))


def _check_digest(what: str, uri: str, expected: str, found: str) -> None:
    if found != expected:
        raise StartupError(f"{what} digest mismatch at {uri}: expected {expected}, got {found}")


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _short(error: Exception) -> str:
    return str(error)[:300]
