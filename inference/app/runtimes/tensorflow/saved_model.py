"""SavedModels, by TensorFlow."""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

# Before the import, which else writes a page of notes about this CPU.
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np
import tensorflow

from app.tensors import Array, TensorSpec, datatype_of

SIGNATURE = "serving_default"


class SavedModel:
    """A SavedModel's default signature."""

    def __init__(self, loaded: Any) -> None:
        if SIGNATURE not in loaded.signatures:
            raise ValueError(f"it has no signature {SIGNATURE!r}")
        # The functions belong to what was loaded, which must live as long.
        self._loaded = loaded
        self._serve = loaded.signatures[SIGNATURE]
        self.inputs = _specs(self._serve.structured_input_signature[1])
        self.outputs = _specs(self._serve.structured_outputs)

    def infer(self, tensors: Mapping[str, Array]) -> list[Array]:
        """As `Runtime.infer`."""
        found = self._serve(**{name: tensorflow.constant(part) for name, part in tensors.items()})
        return [found[spec.name].numpy() for spec in self.outputs]


def load(files: Mapping[str, bytes], model: str) -> SavedModel:
    """The model in the folder of `files[model]`.

    Its graph is a program: these bytes are those that the gate has judged, by their digest.
    """
    # Its own pools would be sized by the node's cores, not the container's.
    tensorflow.config.threading.set_intra_op_parallelism_threads(1)
    tensorflow.config.threading.set_inter_op_parallelism_threads(1)
    tensorflow.config.set_visible_devices([], "GPU")
    parent = PurePosixPath(model).parent
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            if PurePosixPath(name).is_relative_to(parent):
                target = Path(folder) / PurePosixPath(name).relative_to(parent)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
        return SavedModel(tensorflow.saved_model.load(folder))


def _specs(named: Mapping[str, Any]) -> tuple[TensorSpec, ...]:
    return tuple(
        TensorSpec(
            name,
            datatype_of(np.empty(0, spec.dtype.as_numpy_dtype)),
            tuple(-1 if size is None else int(size) for size in spec.shape),
        )
        for name, spec in named.items()
    )
