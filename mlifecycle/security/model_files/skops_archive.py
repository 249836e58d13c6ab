"""skops: a zip archive of arrays and of a schema, which names the types that are to be made.

skops trusts types by itself; what is let through here is our own list, and no way of calling
something: no partial, no method, no operator.
"""

import io
import json
import re
import zipfile
from typing import Any

import numpy as np
import numpy.typing as npt

from mlifecycle.security.model_files.archives import (
    UNREADABLE,
    UnsafeError,
    read_member,
    strict_zip,
)
from mlifecycle.security.model_files.known_types import known_types
from mlifecycle.security.model_files.trees import require_bounded

SCHEMA = "schema.json"
# What makes an object of a part of the schema, in skops' own words.
LOADERS = frozenset(
    f"{name}Node"
    for name in (
        *("Bytearray", "Bytes", "Cached", "DType", "DefaultDict", "Dict", "Function", "Json"),
        *("List", "Loss", "MaskedArray", "NdArray", "Object", "RandomGenerator", "RandomState"),
        *("Set", "Slice", "SparseMatrix", "Tree", "Tuple", "Type"),
    )
)
LARGEST_ARRAY = 2 * 1024**3
# A tree in itself: the nodes, without a look at them.
TREES = ("._tree.Tree", ".predictor.TreePredictor")
_LOSSES = ("sklearn._loss.", "sklearn.linear_model._sgd_fast.")
SAFE = "export the model to ONNX with skl2onnx"
_MEMBER = re.compile(r"[\w-]+\.(npy|npz|bin)|schema\.json")
# Whose trees are asked without a look at how many features there are.
_UNCHECKED = (
    *("sklearn.tree.", "sklearn.ensemble._forest.", "sklearn.ensemble._gb."),
    *("sklearn.ensemble._hist_gradient_boosting.", "sklearn.ensemble._iforest."),
)


def require_skops(content: bytes) -> None:
    """Raise UnsafeError where bytes are no skops file, or one that needs more than our types."""
    archive = strict_zip(content)
    for name in archive.namelist():
        if not _MEMBER.fullmatch(name):
            raise UnsafeError(f"its archive holds {name[:100]!r}, which skops does not write")
        if name.endswith((".npy", ".npz")):
            _require_numbers(read_member(archive, name, LARGEST_ARRAY), name)
    try:
        schema = json.loads(read_member(archive, SCHEMA))
    except (ValueError, RecursionError) as error:
        raise UnsafeError(f"its schema cannot be read: {error}") from error
    _require_known(schema, archive)


def _require_numbers(content: bytes, name: str) -> None:
    if name.endswith(".npz"):
        inner = strict_zip(content)
        for member in inner.namelist():
            _require_numbers(read_member(inner, member, LARGEST_ARRAY), member)
    elif _array(content, name).dtype.hasobject:
        raise UnsafeError(f"its {name[:100]} holds objects, which are pickles")


def _array(content: bytes, name: str) -> npt.NDArray[Any]:
    try:
        array: npt.NDArray[Any] = np.load(io.BytesIO(content), allow_pickle=False)
    except UNREADABLE as error:
        raise UnsafeError(f"its {name[:100]} is no array of numbers: {error}") from error
    return array


def _require_known(schema: Any, archive: zipfile.ZipFile) -> None:
    # A list, not recursion: how deep a file nests objects is its author's choice. With each part,
    # the number of features that reaches it unchecked.
    waiting: list[tuple[Any, int | None]] = [(schema, None)]
    while waiting:
        part, features = waiting.pop()
        if isinstance(part, list):
            waiting += [(item, features) for item in part]
        elif isinstance(part, dict):
            if "__class__" in part or "__loader__" in part:
                name = f"{part.get('__module__')}.{part.get('__class__')}"
                _require_type(part, name)
                features = _features_within(part, name, features)
                if part.get("__loader__") == "TreeNode" or name.endswith(TREES):
                    _require_tree(part, features, archive)
            waiting += [(item, features) for item in part.values()]


def _require_type(part: dict[str, Any], name: str) -> None:
    if str(part.get("__loader__")) not in LOADERS:
        raise UnsafeError(
            f"it is to make a {str(part.get('__loader__'))[:100]!r}, which can call what it"
            f" likes: {SAFE}"
        )
    if part["__loader__"] == "LossNode" and not name.startswith(_LOSSES):
        raise UnsafeError(f"it is to call {name[:100]}: {SAFE}")
    if part["__loader__"] != "CachedNode" and name not in known_types():
        raise UnsafeError(f"it needs {name[:100]}, which is no type that is trusted: {SAFE}")


def _features_within(part: dict[str, Any], name: str, features: int | None) -> int | None:
    """How many features are known to be there for the trees of an object."""
    if part.get("__loader__") != "ObjectNode" or name.endswith(TREES):
        return features
    own = _number(_attribute(part, "n_features_in_"))
    if not name.startswith(_UNCHECKED) or own is None:
        return own
    return own if features is None else min(own, features)


def _require_tree(part: dict[str, Any], features: int | None, archive: zipfile.ZipFile) -> None:
    arrays = {}
    for name in ("nodes", "raw_left_cat_bitsets"):
        node = _attribute(part, name)
        if isinstance(node, dict) and node.get("__loader__") == "NdArrayNode":
            file = str(node.get("file"))
            arrays[name] = _array(read_member(archive, file, LARGEST_ARRAY), file)
    if "nodes" not in arrays or features is None:
        raise UnsafeError(f"it holds a tree whose nodes cannot be checked: {SAFE}")
    require_bounded(arrays["nodes"], features, arrays.get("raw_left_cat_bitsets"))


def _attribute(part: dict[str, Any], name: str) -> Any:
    """A part of an object's attributes, of which there is one dictionary."""
    attributes = part.get("content")
    inner = attributes.get("content") if isinstance(attributes, dict) else None
    return inner.get(name) if isinstance(inner, dict) else None


def _number(part: Any) -> int | None:
    content = part.get("content") if isinstance(part, dict) else None
    return int(content) if isinstance(content, str) and content.isdecimal() else None
