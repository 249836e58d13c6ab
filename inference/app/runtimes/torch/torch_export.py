"""Programs of torch.export, by PyTorch."""

import io
from collections.abc import Mapping
from typing import Any

import torch

from app.tensors import Array, TensorSpec

_DATATYPES = {
    torch.bool: "BOOL",
    torch.uint8: "UINT8",
    torch.int8: "INT8",
    torch.int16: "INT16",
    torch.int32: "INT32",
    torch.int64: "INT64",
    torch.float16: "FP16",
    torch.float32: "FP32",
    torch.float64: "FP64",
}


class TorchProgram:
    """An exported program."""

    def __init__(self, program: torch.export.ExportedProgram) -> None:
        values = {node.name: node.meta.get("val") for node in program.graph.nodes}
        signature = program.graph_signature
        self.inputs = tuple(_spec(name, values[name]) for name in signature.user_inputs)
        self.outputs = tuple(_spec(name, values[name]) for name in signature.user_outputs)
        self._module = program.module()

    def infer(self, tensors: Mapping[str, Array]) -> list[Array]:
        """As `Runtime.infer`."""
        with torch.inference_mode():
            found = self._module(*(torch.from_numpy(tensors[spec.name]) for spec in self.inputs))
        outputs = found if isinstance(found, tuple | list) else [found]
        return [output.numpy() for output in outputs]


def load(files: Mapping[str, bytes], model: str) -> TorchProgram:
    """The program in `files[model]`.

    PyTorch's reader runs what a hostile file tells it to: these bytes are those that the gate has
    judged, by their digest.
    """
    # Its own pool would be sized by the node's cores, not the container's.
    torch.set_num_threads(1)
    return TorchProgram(torch.export.load(io.BytesIO(files[model])))


def _spec(name: str, value: Any) -> TensorSpec:
    if not isinstance(value, torch.Tensor) or value.dtype not in _DATATYPES:
        raise ValueError(f"its {name!r} is no tensor that the protocol has")
    # A symbol stands for any size.
    shape = tuple(size if isinstance(size, int) else -1 for size in value.shape)
    return TensorSpec(name, _DATATYPES[value.dtype], shape)
