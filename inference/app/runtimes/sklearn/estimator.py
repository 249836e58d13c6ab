"""A scikit-learn estimator, whatever it was read from."""

from typing import Any

import numpy as np

from app.runtimes import Array


class Estimator:
    """An estimator's `predict`."""

    dtype = "float64"

    def __init__(self, estimator: Any) -> None:
        if not callable(getattr(estimator, "predict", None)):
            raise ValueError(f"{type(estimator).__name__} has no predict")
        self._estimator = estimator

    def require_columns(self, columns: int) -> None:
        """As `Runtime.require_columns`."""
        wanted = getattr(self._estimator, "n_features_in_", columns)
        if wanted != columns:
            raise ValueError(f"it takes {wanted} features, not {columns}")

    def predict(self, features: Array) -> Array:
        """As `Runtime.predict`."""
        return np.asarray(self._estimator.predict(features))
