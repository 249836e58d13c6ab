"""ONNX, by ONNX Runtime."""

from collections.abc import Mapping

import onnxruntime  # type: ignore[import-untyped]

from app.runtimes import Array
from app.runtimes.onnx.external_data import find_external_files


class OnnxRuntime:
    """An ONNX Runtime session with one input and one output."""

    dtype = "float32"

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session
        self._inputs = session.get_inputs()
        self._outputs = session.get_outputs()

    def require_columns(self, columns: int) -> None:
        """One float32 input [any, columns], one float32 output: what /predict can serve."""
        inputs, outputs = self._inputs, self._outputs
        if (
            len(inputs) != 1
            or inputs[0].type != "tensor(float)"
            or len(inputs[0].shape) != 2
            or isinstance(inputs[0].shape[0], int)
            or inputs[0].shape[1] != columns
        ):
            raise ValueError(
                f"expected one input tensor(float) [any, {columns}], got {_words(inputs)}"
            )
        if len(outputs) != 1 or outputs[0].type != "tensor(float)":
            raise ValueError(f"expected one output tensor(float), got {_words(outputs)}")

    def predict(self, features: Array) -> Array:
        """As `Runtime.predict`."""
        feed = {self._inputs[0].name: features}
        outputs: list[Array] = self._session.run([self._outputs[0].name], feed)
        return outputs[0]


def load(files: Mapping[str, bytes], model: str) -> OnnxRuntime:
    """The model in `files[model]`; its other tensors come from its siblings in `files` only."""
    folder = model.rpartition("/")[0]
    options = onnxruntime.SessionOptions()
    # ONNX Runtime would size its pool by the node's cores, not the container's.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    # Failures are ours to report, in one line; its own log would go to stderr beside it.
    options.log_severity_level = 4
    # Else the bytes decide how they are read, and ORT's own format has had less scrutiny.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    try:
        names = find_external_files(files[model])
    except ValueError as error:
        raise ValueError(f"not an ONNX file ({error})") from error
    siblings = {
        name: None if "/" in name else files.get(f"{folder}/{name}".lstrip("/")) for name in names
    }
    if missing := [name for name, content in siblings.items() if content is None]:
        raise ValueError(f"its tensors lie in {missing[0]!r}, which is no file of the release")
    # Kept by the caller's `files` for as long as the session is made.
    contents = [content for content in siblings.values() if content is not None]
    if contents:
        options.add_external_initializers_from_files_in_memory(
            list(siblings), contents, [len(content) for content in contents]
        )
    # Custom operators come from libraries that code registers (register_custom_ops_library).
    # Nothing here does, and a file can't.
    session = onnxruntime.InferenceSession(
        files[model], options, providers=["CPUExecutionProvider"]
    )
    return OnnxRuntime(session)


def _words(values: list[onnxruntime.NodeArg]) -> str:
    return ", ".join(f"{value.name}: {value.type} {value.shape}" for value in values)
