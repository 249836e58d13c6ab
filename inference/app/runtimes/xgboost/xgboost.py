"""XGBoost's own formats, JSON and UBJSON."""

from collections.abc import Mapping

import xgboost

from app.runtimes import Array


class XgboostModel:
    """A booster: probabilities, values or classes, as its objective says."""

    dtype = "float32"

    def __init__(self, booster: xgboost.Booster) -> None:
        self._booster = booster

    def require_columns(self, columns: int) -> None:
        """As `Runtime.require_columns`."""
        wanted = self._booster.num_features()
        if wanted != columns:
            raise ValueError(f"it takes {wanted} features, not {columns}")

    def predict(self, features: Array) -> Array:
        """As `Runtime.predict`."""
        # In place: thread-safe, and no DMatrix for each request. Names, where there are any, were
        # compared with the golden samples' by the order of the columns.
        predicted: Array = self._booster.inplace_predict(features, validate_features=False)
        return predicted


def load(files: Mapping[str, bytes], model: str) -> XgboostModel:
    """The model in `files[model]`. Raises ValueError where it is none."""
    # Both formats are an object; the old binary one is read by less careful code.
    if not files[model].startswith(b"{"):
        raise ValueError("not an XGBoost model in JSON or UBJSON")
    # Its own pool would be sized by the node's cores, not the container's.
    booster = xgboost.Booster({"nthread": 1})
    booster.load_model(bytearray(files[model]))
    return XgboostModel(booster)
