"""Pickled scikit-learn models, which only a waiver lets through: they name what a list has."""

import io
import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from app.runtimes.sklearn.estimator import Estimator
from app.runtimes.sklearn.skops import TYPES

# What makes some of the types; the gate's scanners know the same lists.
GLOBALS = frozenset((*TYPES, *Path(__file__).with_name("pickle_globals.txt").read_text().split()))


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        # A dot in a name would lead on from something that is known to something that is not.
        if "." in name or f"{module}.{name}" not in GLOBALS:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which is not trusted")
        return super().find_class(module, name)


def load(files: Mapping[str, bytes], model: str) -> Estimator:
    """The model in `files[model]`. Raises UnpicklingError where it names anything else."""
    with warnings.catch_warnings():
        # Another version of scikit-learn is judged by the golden samples.
        warnings.simplefilter("ignore")
        return Estimator(_Unpickler(io.BytesIO(files[model])).load())
