"""Programs of torch.export, by PyTorch."""

import io
from collections.abc import Mapping

import torch

from app.runtimes import Array


class TorchProgram:
    """An exported program with one input and one output."""

    dtype = "float32"

    def __init__(self, program: torch.export.ExportedProgram) -> None:
        values = {node.name: node.meta.get("val") for node in program.graph.nodes}
        self._inputs = [values[name] for name in program.graph_signature.user_inputs]
        self._outputs = program.graph_signature.user_outputs
        self._module = program.module()

    def require_columns(self, columns: int) -> None:
        """One float32 input [any, columns], one output: what /predict can serve."""
        found = ", ".join(f"{value.dtype} {list(value.shape)}" for value in self._inputs)
        if (
            len(self._inputs) != 1
            or self._inputs[0].dtype != torch.float32
            or len(self._inputs[0].shape) != 2
            or self._inputs[0].shape[1] != columns
        ):
            raise ValueError(f"expected one input torch.float32 [any, {columns}], got {found}")
        if len(self._outputs) != 1:
            raise ValueError(f"expected one output, got {len(self._outputs)}")

    def predict(self, features: Array) -> Array:
        """As `Runtime.predict`."""
        with torch.inference_mode():
            found: Array = self._module(torch.from_numpy(features)).numpy()
        return found


def load(files: Mapping[str, bytes], model: str) -> TorchProgram:
    """The program in `files[model]`.

    PyTorch's reader runs what a hostile file tells it to: these bytes are those that the gate has
    judged, by their digest.
    """
    # Its own pool would be sized by the node's cores, not the container's.
    torch.set_num_threads(1)
    return TorchProgram(torch.export.load(io.BytesIO(files[model])))
