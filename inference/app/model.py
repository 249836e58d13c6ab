"""Turn an artifact's bytes into a model that is proven to be the released one."""

import hashlib
from collections.abc import Mapping
from importlib import import_module

import numpy as np

from app.errors import StartupError
from app.golden import check_golden, parse_golden
from app.release import FORMATS, GOLDEN_FILE, Release
from app.runtimes import Array, Runtime

_WARM_UP_RUNS = 3


class Model:
    """A loaded model that answers for one release. Threads may share it.

    release: what it is. feature_names: F names, in the order of the columns.
    dtype: of the features.
    """

    def __init__(self, release: Release, feature_names: tuple[str, ...], runtime: Runtime) -> None:
        self.release = release
        self.feature_names = feature_names
        self.dtype = runtime.dtype
        self._runtime = runtime

    def predict(self, features: Array) -> Array:
        """The model's output for `features` [N, F]: numbers [N], or [N, K] with K per row."""
        return self._runtime.predict(features)


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
    safely, or a golden sample comes out different.
    """
    _check_digest("Model artifact", release.uri, release.artifact_digest, artifact_digest(files))
    golden_uri, model_uri = f"{release.uri}/{GOLDEN_FILE}", f"{release.uri}/{release.model}"
    golden_digest = _digest(files[GOLDEN_FILE])
    _check_digest("Golden samples", golden_uri, release.golden_digest, golden_digest)

    runtime = _load_runtime(release, files, model_uri)
    samples = parse_golden(files[GOLDEN_FILE], golden_uri, runtime.dtype)
    try:
        runtime.require_columns(len(samples.feature_names))
    except ValueError as error:
        raise StartupError(f"Model {model_uri} can't be served: {_short(error)}") from error
    model = Model(release, samples.feature_names, runtime)
    try:
        # The first runs allocate: no caller should pay for that. One row and many, because
        # memory is planned per shape.
        for _ in range(_WARM_UP_RUNS):
            model.predict(samples.inputs[:1])
            predicted = model.predict(samples.inputs)
    except Exception as error:  # the libraries have no common base class for their errors
        raise StartupError(f"Model {model_uri} can't predict: {_short(error)}") from error
    if predicted.dtype.kind not in "fiu":
        raise StartupError(f"Model {model_uri} can't be served: it answers {predicted.dtype}")
    check_golden(samples, predicted.astype(np.float64), model_uri)
    return model


def _load_runtime(release: Release, files: Mapping[str, bytes], uri: str) -> Runtime:
    # One of the table's, whatever the release file says; an image has its format's runtime alone.
    module = import_module(f"app.runtimes.{FORMATS[release.format]}.{release.format}")
    try:
        runtime: Runtime = module.load(files, release.model)
    except Exception as error:  # as above
        raise StartupError(f"Model {uri} can't be loaded: {_short(error)}") from error
    return runtime


def _check_digest(what: str, uri: str, expected: str, found: str) -> None:
    if found != expected:
        raise StartupError(f"{what} digest mismatch at {uri}: expected {expected}, got {found}")


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _short(error: Exception) -> str:
    return str(error)[:300]
