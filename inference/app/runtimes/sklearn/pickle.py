"""Pickled scikit-learn models, which only a waiver lets through: they name what a list has."""

import io
import pickle
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from app.runtimes.sklearn.estimator import Estimator
from app.runtimes.sklearn.skops import TYPES

# What makes some of the types; the gate's scanners know the same lists.
GLOBALS = frozenset((*TYPES, *Path(__file__).with_name("pickle_globals.txt").read_text().split()))


_BUILD = pickle.BUILD[0]
_set_state: Callable[[Any], None] = pickle._Unpickler.dispatch[_BUILD]


# The one that is written in Python, which is slower and can look before it sets a state.
class _Unpickler(pickle._Unpickler):
    stack: list[Any]

    def find_class(self, module: str, name: str) -> Any:
        # A dot in a name would lead on from something that is known to something that is not.
        if "." in name or f"{module}.{name}" not in GLOBALS:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which is not trusted")
        return super().find_class(module, name)

    def load_build(self) -> None:
        made, state = self.stack[-2:]
        if isinstance(made, np.dtype) and not _is_plain(made, state):
            raise pickle.UnpicklingError("its type of an array's items is not what it says")
        _set_state(self)

    dispatch: ClassVar[Any] = {**pickle._Unpickler.dispatch, _BUILD: load_build}


def _is_plain(dtype: np.dtype[Any], state: Any) -> bool:
    """Whether a state is what NumPy itself writes for such a type.

    NumPy takes a size, flags and fields as they are told; arrays that have the type already would
    read beyond their bytes, or take them for addresses.
    """
    try:
        _, _, _, names, fields, *_ = state
        if names is None:
            # One that the process shares keeps its byte order.
            is_shared = dtype is np.dtype(dtype.str)
            same = [dtype] if is_shared else [dtype.newbyteorder("<"), dtype.newbyteorder(">")]
        else:
            formats, offsets = zip(*(fields[name] for name in names), strict=True)
            parts = {"names": list(names), "formats": formats, "offsets": offsets}
            spelled: Any = {**parts, "itemsize": dtype.itemsize}
            same = [np.dtype(spelled)]
    except (TypeError, ValueError, KeyError):
        return False
    return any(state == item.__reduce__()[2] and item.hasobject <= (names is None) for item in same)


def load(files: Mapping[str, bytes], model: str) -> Estimator:
    """The model in `files[model]`. Raises UnpicklingError where it names anything else."""
    with warnings.catch_warnings():
        # Another version of scikit-learn is judged by the golden samples.
        warnings.simplefilter("ignore")
        return Estimator(_Unpickler(io.BytesIO(files[model])).load())
