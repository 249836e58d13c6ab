"""XGBoost's own formats, JSON and UBJSON."""

from collections.abc import Mapping

import numpy as np
import xgboost

from app.runtimes import FEATURES
from app.tensors import Array, TensorSpec, spec_of


class XgboostModel:
    """A booster: probabilities, values or classes, as its objective says."""

    def __init__(self, booster: xgboost.Booster) -> None:
        self._booster = booster
        columns = booster.num_features()
        self.inputs = (TensorSpec(FEATURES, "FP32", (-1, columns), allows_nan=True),)
        (example,) = self.infer({FEATURES: np.zeros((1, columns), np.float32)})
        self.outputs = (spec_of("predictions", example),)

    def infer(self, tensors: Mapping[str, Array]) -> list[Array]:
        """As `Runtime.infer`."""
        # In place: thread-safe, and no DMatrix for each request.
        return [self._booster.inplace_predict(tensors[FEATURES], validate_features=False)]


def load(files: Mapping[str, bytes], model: str) -> XgboostModel:
    """The model in `files[model]`. Raises ValueError where it is none."""
    # Both formats are an object; the old binary one is read by less careful code.
    if not files[model].startswith(b"{"):
        raise ValueError("not an XGBoost model in JSON or UBJSON")
    # Its own pool would be sized by the node's cores, not the container's.
    booster = xgboost.Booster({"nthread": 1})
    booster.load_model(bytearray(files[model]))
    return XgboostModel(booster)
