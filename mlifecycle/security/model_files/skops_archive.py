"""skops: a zip archive of arrays and of a schema, which names the types that are to be made.

skops trusts types by themselves; what is let through here is our own list (skops_loaders.py).
Compiled code takes the numbers of a model as they are: those that lead somewhere, the nodes of
trees, are looked at; others, such as an array shorter than its model says, may end the process
that serves it, and read no more than what is its own.
"""

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from mlifecycle.security.model_files.archives import (
    UNREADABLE,
    UnsafeError,
    read_member,
    strict_zip,
)
from mlifecycle.security.model_files.skops_loaders import (
    NOWHERE,
    SAFE,
    TYPE,
    Place,
    attribute,
    number,
    require_known,
)
from mlifecycle.security.model_files.trees import require_bounded

SCHEMA = "schema.json"
# An older one has other loaders (skops/io/_protocol.py).
PROTOCOL = 2
LARGEST_ARRAY = 2 * 1024**3
# A tree in itself: the nodes, without a look at them.
TREES = ("._tree.Tree", ".predictor.TreePredictor")
_MEMBER = re.compile(r"[\w-]+\.(npy|bin)|schema\.json")
# Whose trees are asked without a look at how many features there are.
_UNCHECKED = (
    *("sklearn.tree.", "sklearn.ensemble._forest.", "sklearn.ensemble._gb."),
    *("sklearn.ensemble._hist_gradient_boosting.", "sklearn.ensemble._iforest."),
)
_MARKS = ("__class__", "__module__", "__loader__", "__id__")


def require_skops(content: bytes) -> None:
    """Raise UnsafeError where bytes are no skops file, or one that needs more than our types."""
    archive = strict_zip(content)
    for name in archive.namelist():
        if name.endswith(".npz"):
            raise UnsafeError(f"it holds a sparse matrix, whose indices are not checked: {SAFE}")
        if not _MEMBER.fullmatch(name):
            raise UnsafeError(f"its archive holds {name[:100]!r}, which skops does not write")
        if name.endswith(".npy"):
            _array(archive, name)
    try:
        schema = json.loads(read_member(archive, SCHEMA))
    except (ValueError, RecursionError) as error:
        raise UnsafeError(f"its schema cannot be read: {error}") from error
    if not isinstance(schema, dict) or type(schema.get("protocol")) is not int:
        raise UnsafeError("its schema is none of skops")
    if schema["protocol"] != PROTOCOL:
        raise UnsafeError(
            f"its schema is of protocol {schema['protocol']}, and not {PROTOCOL}: save the model"
            " again, with the newest skops"
        )
    _require_model(schema, archive)
    marks = {name: _mark(read_member(archive, name, LARGEST_ARRAY)) for name in archive.namelist()}
    _require_one_of_each(schema, marks, {})


def _array(archive: zipfile.ZipFile, name: str) -> npt.NDArray[Any]:
    content = read_member(archive, name, LARGEST_ARRAY)
    try:
        array: npt.NDArray[Any] = np.load(io.BytesIO(content), allow_pickle=False)
    except UNREADABLE as error:
        raise UnsafeError(f"its {name[:100]} is no array of numbers: {error}") from error
    if array.dtype.hasobject:
        raise UnsafeError(f"its {name[:100]} holds objects, which are pickles")
    return array


def _require_model(schema: dict[str, Any], archive: zipfile.ZipFile) -> None:
    # A list, not recursion: how deep a file nests objects is its author's choice. With each part,
    # where it stands and the number of features that reaches it unchecked.
    waiting: list[tuple[Any, Place, int | None]] = [(schema, NOWHERE, None)]
    while waiting:
        part, place, features = waiting.pop()
        if isinstance(part, list):
            waiting += [(item, place, features) for item in part]
        elif isinstance(part, dict):
            if any(mark in part for mark in _MARKS):
                require_known(part, place)
                name = f"{part['__module__']}.{part['__class__']}"
                features = _features_within(part, name, features)
                if name.endswith(TREES) and part["__loader__"] != TYPE:
                    _require_tree(part, features, archive)
            waiting += [(item, inner, features) for item, inner in _within(part, place)]


def _within(part: dict[str, Any], place: Place) -> Iterator[tuple[Any, Place]]:
    """What a part holds, and where each of it stands."""
    loader = part.get("__loader__")
    for key, item in part.items():
        if key == "content" and loader == "ObjectNode":
            yield item, Place(is_attributes=True)
        elif key == "content" and loader == "DictNode" and isinstance(item, dict):
            for name, value in item.items():
                yield value, Place(attribute=name) if place.is_attributes else NOWHERE
        elif key == "key_types" and loader == "DictNode" and isinstance(item, dict):
            for kind in item["content"]:
                yield kind, Place(is_of_key=True)
        else:
            yield item, NOWHERE


def _features_within(part: dict[str, Any], name: str, features: int | None) -> int | None:
    """How many features are known to be there for the trees of an object."""
    if part["__loader__"] != "ObjectNode" or name.endswith(TREES):
        return features
    own = number(attribute(part, "n_features_in_"))
    if not name.startswith(_UNCHECKED) or own is None:
        return own
    return own if features is None else min(own, features)


def _require_tree(part: dict[str, Any], features: int | None, archive: zipfile.ZipFile) -> None:
    nodes = attribute(part, "nodes")
    file = nodes.get("file") if isinstance(nodes, dict) else None
    is_array = file is not None and nodes["__loader__"] == "NdArrayNode"
    if not is_array or nodes["__class__"] != "ndarray" or features is None:
        raise UnsafeError(f"it holds a tree whose nodes cannot be checked: {SAFE}")
    counted = attribute(part, "node_count")
    require_bounded(_array(archive, str(file)), features, counted and number(counted))


def _require_one_of_each(part: Any, files: dict[str, str], known: dict[Any, str]) -> str:
    """Parts of one id must be alike, since skops makes the first of them for all.

    Returns what tells one part from another: what it holds, without ids and names of files.
    """
    if isinstance(part, list):
        own: Any = [_require_one_of_each(item, files, known) for item in part]
    elif isinstance(part, dict):
        own = {
            key: _require_one_of_each(item, files, known)
            for key, item in part.items()
            if key != "__id__"
        }
    else:
        own = files.get(part, part) if isinstance(part, str) else part
    mark = _mark(json.dumps(own).encode())
    identity = part.get("__id__") if isinstance(part, dict) else None
    if identity is not None and known.setdefault(identity, mark) != mark:
        raise UnsafeError("it holds two parts of one id")
    return mark


def _mark(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
