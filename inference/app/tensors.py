"""Named tensors, as the Open Inference Protocol knows them.

https://github.com/open-inference/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

# The protocol's names of numpy's types. A text is BYTES, and an object to numpy.
DATATYPES = {
    "BOOL": np.dtype(np.bool_),
    "UINT8": np.dtype(np.uint8),
    "UINT16": np.dtype(np.uint16),
    "UINT32": np.dtype(np.uint32),
    "UINT64": np.dtype(np.uint64),
    "INT8": np.dtype(np.int8),
    "INT16": np.dtype(np.int16),
    "INT32": np.dtype(np.int32),
    "INT64": np.dtype(np.int64),
    "FP16": np.dtype(np.float16),
    "FP32": np.dtype(np.float32),
    "FP64": np.dtype(np.float64),
    "BYTES": np.dtype(np.object_),
}
_NAMES = {dtype: name for name, dtype in DATATYPES.items()}


@dataclass(frozen=True)
class TensorSpec:
    """An input or output of a model.

    datatype: a key of DATATYPES. shape: -1 where any size is taken; the first one is then the
    number of rows. allows_nan: whether NaN is a missing value to the model.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    allows_nan: bool = False

    @property
    def dtype(self) -> np.dtype[Any]:
        """numpy's type for it."""
        return DATATYPES[self.datatype]

    @property
    def is_in_rows(self) -> bool:
        """Whether it has a row for each of any number of samples."""
        return bool(self.shape) and self.shape[0] == -1

    def takes(self, shape: Sequence[int]) -> bool:
        """Whether a tensor of that shape fits."""
        return len(shape) == len(self.shape) and all(
            wanted in (-1, size) for wanted, size in zip(self.shape, shape, strict=True)
        )


def datatype_of(array: Array) -> str:
    """The protocol's name of an array's type. Raises ValueError where it has none."""
    if array.dtype.kind in "US":
        return "BYTES"
    name = _NAMES.get(array.dtype.newbyteorder("="))
    if name is None:
        raise ValueError(f"its tensors of {array.dtype} have no name in the protocol")
    return name


def spec_of(name: str, array: Array) -> TensorSpec:
    """What an output is, by an example of it with rows."""
    return TensorSpec(name, datatype_of(array), (-1, *array.shape[1:]))
