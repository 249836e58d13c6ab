"""Decision trees as arrays of nodes, which scikit-learn follows without looking where they lead.

A child or a feature out of bounds would read what is not the tree's, or end the process
(https://github.com/scikit-learn/scikit-learn/pull/34558).
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from mlifecycle.security.model_files.archives import UnsafeError

# The names of a node's fields in scikit-learn's trees, and in those of histogram gradient boosting.
_TREE = ("left_child", "right_child", "feature")
_HISTOGRAM = ("left", "right", "feature_idx")
# 256 bins of a category, as bits of 32-bit words.
_BITSET_WORDS = 8


def require_bounded(
    nodes: npt.NDArray[Any], features: int, categories: npt.NDArray[Any] | None
) -> None:
    """Raise UnsafeError where a node leads out of its tree.

    Args:
        nodes: the nodes [N], in the order in which parents precede their children.
        features: how many columns there are.
        categories: bitsets [C, 8] that nodes name, where the tree has categories.
    """
    fields = set(nodes.dtype.names or ())
    if nodes.ndim != 1 or not nodes.size:
        raise UnsafeError("it holds a tree without nodes")
    if fields >= set(_TREE):
        left, right, feature = (nodes[name].astype(np.int64) for name in _TREE)
        inner = left != -1
    elif fields >= {*_HISTOGRAM, "is_leaf", "is_categorical", "bitset_idx"}:
        left, right, feature = (nodes[name].astype(np.int64) for name in _HISTOGRAM)
        inner = nodes["is_leaf"] == 0
        named = inner & (nodes["is_categorical"] != 0)
        has_bitsets = categories is not None and categories.shape[1:] == (_BITSET_WORDS,)
        rows = len(categories) if categories is not None and has_bitsets else 0
        if (nodes["bitset_idx"][named] >= rows).any():
            raise UnsafeError("it holds a tree whose categories lie outside of it")
    else:
        raise UnsafeError("it holds a tree whose nodes have other fields")
    own = np.arange(nodes.size)[inner]
    for child in (left[inner], right[inner]):
        # Behind their parent, so that no walk is endless.
        if ((child <= own) | (child >= nodes.size)).any():
            raise UnsafeError("it holds a tree whose nodes lead out of it")
    if ((feature[inner] < 0) | (feature[inner] >= features)).any():
        raise UnsafeError("it holds a tree that asks for a feature that is not there")
