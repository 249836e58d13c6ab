"""ONNX, by ONNX Runtime."""

from collections.abc import Mapping

import onnxruntime

from app.runtimes.onnx.external_data import find_external_files
from app.tensors import Array, TensorSpec

_DATATYPES = {
    "bool": "BOOL",
    "uint8": "UINT8",
    "uint16": "UINT16",
    "uint32": "UINT32",
    "uint64": "UINT64",
    "int8": "INT8",
    "int16": "INT16",
    "int32": "INT32",
    "int64": "INT64",
    "float16": "FP16",
    "float": "FP32",
    "double": "FP64",
    "string": "BYTES",
}


class OnnxRuntime:
    """An ONNX Runtime session."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session
        self.inputs = tuple(map(_spec, session.get_inputs()))
        self.outputs = tuple(map(_spec, session.get_outputs()))
        self._names = [output.name for output in self.outputs]

    def infer(self, tensors: Mapping[str, Array]) -> list[Array]:
        """As `Runtime.infer`."""
        found: list[Array] = self._session.run(self._names, tensors)
        return found


def load(files: Mapping[str, bytes], model: str) -> OnnxRuntime:
    """The model in `files[model]`; its other tensors come from its siblings in `files` only."""
    options = onnxruntime.SessionOptions()
    # ONNX Runtime would size its pool by the node's cores, not the container's.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    # Failures are ours to report, in one line; its own log would go to stderr beside it.
    options.log_severity_level = 4
    # Else the bytes decide how they are read, and ORT's own format has had less scrutiny.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    siblings = _siblings(files, model)
    if siblings:
        options.add_external_initializers_from_files_in_memory(
            list(siblings), list(siblings.values()), [len(part) for part in siblings.values()]
        )
    # Custom operators come from libraries that code registers (register_custom_ops_library).
    # Nothing here does, and a file can't.
    session = onnxruntime.InferenceSession(
        files[model], options, providers=["CPUExecutionProvider"]
    )
    return OnnxRuntime(session)


def _siblings(files: Mapping[str, bytes], model: str) -> dict[str, bytes]:
    folder = model.rpartition("/")[0]
    try:
        names = find_external_files(files[model])
    except ValueError as error:
        raise ValueError(f"not an ONNX file ({error})") from error
    found = {}
    for name in names:
        content = None if "/" in name else files.get(f"{folder}/{name}".lstrip("/"))
        if content is None:
            raise ValueError(f"its tensors lie in {name!r}, which is no file of the release")
        found[name] = content
    return found


def _spec(value: onnxruntime.NodeArg) -> TensorSpec:
    kind = value.type.removeprefix("tensor(").removesuffix(")")
    if kind not in _DATATYPES:
        raise ValueError(
            f"its {value.name!r} is a {value.type}; export with tensors only (zipmap=False)"
        )
    # A name, or nothing, stands for any size.
    shape = tuple(size if isinstance(size, int) else -1 for size in value.shape)
    return TensorSpec(value.name, _DATATYPES[kind], shape)
