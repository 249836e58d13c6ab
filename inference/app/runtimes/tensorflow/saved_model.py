"""SavedModels, by TensorFlow."""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

# Before the import, which else writes a page of notes about this CPU.
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import tensorflow

from app.runtimes import Array

SIGNATURE = "serving_default"


class SavedModel:
    """A SavedModel's default signature, with one input and one output."""

    dtype = "float32"

    def __init__(self, loaded: Any) -> None:
        if SIGNATURE not in loaded.signatures:
            raise ValueError(f"it has no signature {SIGNATURE!r}")
        # The functions belong to what was loaded, which must live as long.
        self._loaded = loaded
        self._serve = loaded.signatures[SIGNATURE]
        self._inputs = self._serve.structured_input_signature[1]
        self._outputs = list(self._serve.structured_outputs)

    def require_columns(self, columns: int) -> None:
        """One float32 input [any, columns], one output: what /predict can serve."""
        found = ", ".join(
            f"{name}: {spec.dtype.name} {spec.shape}" for name, spec in self._inputs.items()
        )
        specs = list(self._inputs.values())
        if (
            len(specs) != 1
            or specs[0].dtype != tensorflow.float32
            or specs[0].shape.rank != 2
            or specs[0].shape[0] is not None
            or specs[0].shape[1] != columns
        ):
            raise ValueError(f"expected one input float32 (None, {columns}), got {found}")
        if len(self._outputs) != 1:
            raise ValueError(f"expected one output, got {', '.join(self._outputs)}")

    def predict(self, features: Array) -> Array:
        """As `Runtime.predict`."""
        (name,) = self._inputs
        found: Array = self._serve(**{name: tensorflow.constant(features)})[
            self._outputs[0]
        ].numpy()
        return found


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
