"""What computes predictions: one folder for each library, of which an image has one.

Each has a module for each format that it loads, with `load(files, model)`, and requirements.txt.
"""

from typing import Any, Protocol

import numpy.typing as npt

Array = npt.NDArray[Any]


class Runtime(Protocol):
    """A loaded model. Threads may share it.

    dtype: of the features that it takes, `float32` or `float64`.
    """

    dtype: str

    def require_columns(self, columns: int) -> None:
        """Raise ValueError, with what it takes instead, where it does not take [N, columns]."""

    def predict(self, features: Array) -> Array:
        """The model's output for `features` [N, F]: numbers [N], or [N, K] with K per row."""
