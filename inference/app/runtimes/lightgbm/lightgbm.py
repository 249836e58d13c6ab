"""LightGBM's own format, a text."""

from collections.abc import Mapping

import lightgbm
import numpy as np

from app.runtimes import Array


class LightgbmModel:
    """A booster: probabilities, values or classes, as its objective says."""

    dtype = "float64"

    def __init__(self, booster: lightgbm.Booster) -> None:
        self._booster = booster

    def require_columns(self, columns: int) -> None:
        """As `Runtime.require_columns`."""
        wanted = self._booster.num_feature()
        if wanted != columns:
            raise ValueError(f"it takes {wanted} features, not {columns}")

    def predict(self, features: Array) -> Array:
        """As `Runtime.predict`."""
        # Its own pool would be sized by the node's cores, not the container's.
        return np.asarray(self._booster.predict(features, num_threads=1))


def load(files: Mapping[str, bytes], model: str) -> LightgbmModel:
    """The model in `files[model]`. Raises ValueError where it is none."""
    if not files[model].startswith(b"tree\n"):
        raise ValueError("not a LightGBM model in text")
    return LightgbmModel(lightgbm.Booster(model_str=files[model].decode()))
