"""Turn an artifact's bytes into a model that is proven to be the released one."""

import hashlib
from collections.abc import Mapping

import onnxruntime  # type: ignore[import-untyped]

from app.errors import StartupError
from app.external_data import find_external_tensor
from app.golden import check_golden, parse_golden
from app.instances import FloatArray
from app.release import Release

MODEL_FILE = "model.onnx"
GOLDEN_FILE = "golden.json"
# The files that make an artifact of the ONNX format, in the order in which they are asked for:
# when nothing is there at all, the model is what a person should hear is missing.
ARTIFACT_FILES = (MODEL_FILE, GOLDEN_FILE)

_WARM_UP_RUNS = 3


class Model:
    """A loaded model that answers for one release. Threads may share it.

    release: what it is. feature_names: F names, in the order of the columns.
    """

    def __init__(
        self,
        release: Release,
        feature_names: tuple[str, ...],
        session: onnxruntime.InferenceSession,
    ) -> None:
        self.release = release
        self.feature_names = feature_names
        self._session = session
        self._input = session.get_inputs()[0].name
        self._output = session.get_outputs()[0].name

    def predict(self, features: FloatArray) -> FloatArray:
        """The model's output for `features` [N, F]: float32 [N], or [N, K] with K per row."""
        outputs: list[FloatArray] = self._session.run([self._output], {self._input: features})
        return outputs[0]


def artifact_digest(files: Mapping[str, bytes]) -> str:
    """The digest of a set of files: "sha256:<hex>" of its sorted "<sha256 hex>  <name>" lines."""
    lines = [
        f"{hashlib.sha256(content).hexdigest()}  {name}\n"
        for name, content in sorted(files.items())
    ]
    return _digest("".join(lines).encode())


def load_model(release: Release, files: Mapping[str, bytes]) -> Model:
    """Verify, load, warm and prove the artifact `files` (ARTIFACT_FILES, by name).

    Raises StartupError when bytes differ from the release's digests, the file can't be loaded
    safely, or a golden sample comes out different.
    """
    _check_digest("Model artifact", release.uri, release.artifact_digest, artifact_digest(files))
    golden_uri, model_uri = f"{release.uri}/{GOLDEN_FILE}", f"{release.uri}/{MODEL_FILE}"
    golden_digest = _digest(files[GOLDEN_FILE])
    _check_digest("Golden samples", golden_uri, release.golden_digest, golden_digest)
    samples = parse_golden(files[GOLDEN_FILE], golden_uri)

    session = _open_session(files[MODEL_FILE], model_uri)
    _check_signature(session, len(samples.feature_names), model_uri)
    model = Model(release, samples.feature_names, session)
    try:
        # The first runs allocate: no caller should pay for that. One row and many, because
        # memory is planned per shape.
        for _ in range(_WARM_UP_RUNS):
            model.predict(samples.inputs[:1])
            predicted = model.predict(samples.inputs)
    except Exception as error:  # onnxruntime has no public base class for its errors
        raise StartupError(f"Model {model_uri} can't predict: {_short(error)}") from error
    check_golden(samples, predicted, model_uri)
    return model


def _open_session(content: bytes, uri: str) -> onnxruntime.InferenceSession:
    try:
        tensor = find_external_tensor(content)
    except ValueError as error:
        raise StartupError(f"Model {uri} can't be loaded: not an ONNX file ({error})") from error
    if tensor is not None:
        raise StartupError(
            f"Model {uri} can't be loaded: tensor {tensor!r} lies in another file; "
            "export the model into one file"
        )
    options = onnxruntime.SessionOptions()
    # ONNX Runtime would size its pool by the node's cores, not the container's.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    # Failures are ours to report, in one line; its own log would go to stderr beside it.
    options.log_severity_level = 4
    # Else the bytes decide how they are read, and ORT's own format has had less scrutiny.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    # Custom operators come from libraries that code registers (register_custom_ops_library).
    # Nothing here does, and a file can't.
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has no public base class for its errors
        raise StartupError(f"Model {uri} can't be loaded: {_short(error)}") from error


def _check_signature(session: onnxruntime.InferenceSession, columns: int, uri: str) -> None:
    """One float32 input [any, columns], one float32 output: what /predict can serve."""
    inputs, outputs = session.get_inputs(), session.get_outputs()
    found = ", ".join(f"{value.name}: {value.type} {value.shape}" for value in inputs)
    if (
        len(inputs) != 1
        or inputs[0].type != "tensor(float)"
        or len(inputs[0].shape) != 2
        or isinstance(inputs[0].shape[0], int)
        or inputs[0].shape[1] != columns
    ):
        raise StartupError(
            f"Model {uri} can't be served: expected one input tensor(float) [any, {columns}], "
            f"got {found}"
        )
    if len(outputs) != 1 or outputs[0].type != "tensor(float)":
        found = ", ".join(f"{value.name}: {value.type} {value.shape}" for value in outputs)
        raise StartupError(
            f"Model {uri} can't be served: expected one output tensor(float), got {found}"
        )


def _check_digest(what: str, uri: str, expected: str, found: str) -> None:
    if found != expected:
        raise StartupError(f"{what} digest mismatch at {uri}: expected {expected}, got {found}")


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _short(error: Exception) -> str:
    return str(error)[:300]
