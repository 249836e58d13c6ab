"""What computes predictions: one folder for each library, of which an image has one.

Each has a module for each format that it loads, with `load(files, model)`, and requirements.txt.
"""

from collections.abc import Mapping
from typing import Protocol

from app.tensors import Array, TensorSpec

# What a model without names for its tensors takes: one row of features for each sample.
FEATURES = "features"


class Runtime(Protocol):
    """A loaded model. Threads may share it.

    inputs, outputs: its signature. The first output is what /predict answers with.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]

    def infer(self, tensors: Mapping[str, Array]) -> list[Array]:
        """The outputs, in their order, for one tensor for each input, of its type and shape."""
