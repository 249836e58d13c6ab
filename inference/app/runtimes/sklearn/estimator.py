"""A scikit-learn estimator, whatever it was read from."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from sklearn.utils import get_tags

from app.runtimes import FEATURES
from app.runtimes.sklearn.parts import require_parts
from app.tensors import Array, TensorSpec, spec_of

# In this order; a classifier has both.
_METHODS = ("predict", "predict_proba")


class Estimator:
    """An estimator's `predict`, and its `predict_proba` where it has one."""

    def __init__(self, estimator: Any) -> None:
        require_parts(estimator)
        if not callable(getattr(estimator, "predict", None)):
            raise ValueError(f"{type(estimator).__name__} has no predict")
        columns = getattr(estimator, "n_features_in_", None)
        if columns is None:
            raise ValueError(f"{type(estimator).__name__} does not say how many features it takes")
        allows_nan = bool(get_tags(estimator).input_tags.allow_nan)
        self.inputs = (TensorSpec(FEATURES, "FP64", (-1, int(columns)), allows_nan),)
        self._methods: list[Callable[[Array], Array]] = [
            getattr(estimator, name) for name in _METHODS if hasattr(estimator, name)
        ]
        names = [name for name in _METHODS if hasattr(estimator, name)]
        example = self.infer({FEATURES: np.zeros((1, int(columns)))})
        self.outputs = tuple(map(spec_of, names, example))

    def infer(self, tensors: Mapping[str, Array]) -> list[Array]:
        """As `Runtime.infer`."""
        return [np.asarray(method(tensors[FEATURES])) for method in self._methods]
