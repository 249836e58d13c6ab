"""LightGBM's own format, a text."""

from collections.abc import Mapping

import lightgbm
import numpy as np

from app.runtimes import FEATURES
from app.tensors import Array, TensorSpec, spec_of


class LightgbmModel:
    """A booster: probabilities, values or classes, as its objective says."""

    def __init__(self, booster: lightgbm.Booster) -> None:
        self._booster = booster
        columns = booster.num_feature()
        self.inputs = (TensorSpec(FEATURES, "FP64", (-1, columns), allows_nan=True),)
        (example,) = self.infer({FEATURES: np.zeros((1, columns))})
        self.outputs = (spec_of("predictions", example),)

    def infer(self, tensors: Mapping[str, Array]) -> list[Array]:
        """As `Runtime.infer`."""
        # Its own pool would be sized by the node's cores, not the container's.
        return [np.asarray(self._booster.predict(tensors[FEATURES], num_threads=1))]


def load(files: Mapping[str, bytes], model: str) -> LightgbmModel:
    """The model in `files[model]`. Raises ValueError where it is none."""
    if not files[model].startswith(b"tree\n"):
        raise ValueError("not a LightGBM model in text")
    return LightgbmModel(lightgbm.Booster(model_str=files[model].decode()))
