"""Decision trees as arrays of nodes, which scikit-learn follows without looking where they lead.

A child or a feature out of bounds would read what is not the tree's, or end the process
(https://github.com/scikit-learn/scikit-learn/pull/34558).
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from mlifecycle.security.model_files.archives import UnsafeError

# Nodes of scikit-learn's trees, and of those of histogram gradient boosting: its compiled code
# reads fields by where they lie, whatever they are called.
TREE = np.dtype(
    [
        *(("left_child", "<i8"), ("right_child", "<i8"), ("feature", "<i8")),
        *(("threshold", "<f8"), ("impurity", "<f8"), ("n_node_samples", "<i8")),
        *(("weighted_n_node_samples", "<f8"), ("missing_go_to_left", "u1")),
    ],
    align=True,
)
HISTOGRAM = np.dtype(
    [
        *(("value", "<f8"), ("count", "<u4"), ("feature_idx", "<i8"), ("num_threshold", "<f8")),
        *(("missing_go_to_left", "u1"), ("left", "<u4"), ("right", "<u4"), ("gain", "<f8")),
        *(("depth", "<u4"), ("is_leaf", "u1"), ("bin_threshold", "u1")),
        *(("is_categorical", "u1"), ("bitset_idx", "<u4")),
    ]
)


def require_bounded(nodes: npt.NDArray[Any], features: int, count: int | None) -> None:
    """Raise UnsafeError where a node leads out of its tree.

    Args:
        nodes: the nodes [N], in the order in which parents precede their children.
        features: how many columns there are.
        count: how many nodes the tree says to have, where it says so.
    """
    if nodes.ndim != 1 or not nodes.size or count not in (None, nodes.size):
        raise UnsafeError("it holds a tree without nodes, or with fewer than it says")
    if nodes.dtype == TREE:
        left, right, feature = (nodes[name] for name in ("left_child", "right_child", "feature"))
        inner = left != -1
    elif nodes.dtype == HISTOGRAM:
        left, right, feature = (nodes[name] for name in ("left", "right", "feature_idx"))
        inner = nodes["is_leaf"] == 0
        if (nodes["is_categorical"] != 0).any():
            raise UnsafeError(
                "it holds a tree with categories, which are looked up without bounds: encode them"
                " with OrdinalEncoder or OneHotEncoder, or use XGBoost or LightGBM"
            )
    else:
        raise UnsafeError("it holds a tree of another version of scikit-learn, or none of it")
    own = np.arange(nodes.size)[inner]
    for child in (left[inner].astype(np.int64), right[inner].astype(np.int64)):
        # Behind their parent, so that no walk is endless.
        if ((child <= own) | (child >= nodes.size)).any():
            raise UnsafeError("it holds a tree whose nodes lead out of it")
    if ((feature[inner] < 0) | (feature[inner] >= features)).any():
        raise UnsafeError("it holds a tree that asks for a feature that is not there")
