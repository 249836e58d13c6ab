"""Trees in skops files: compiled code follows their nodes without looking where they lead."""

import io
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.ensemble._hist_gradient_boosting.common import PREDICTOR_RECORD_DTYPE
from sklearn.tree._tree import NODE_DTYPE

from mlifecycle.security.model_files import trees
from tests.unit.model_files.payloads import refusal_of, rezipped
from tests.unit.model_files.skops_models import dumped, parts_of, with_schema

FOREST = dumped(RandomForestClassifier(5))
HISTOGRAM = dumped(HistGradientBoostingClassifier(max_iter=5))


def nodes_of(content: bytes) -> str:
    """The name of the first array that holds a tree's nodes."""
    archive = zipfile.ZipFile(io.BytesIO(content))
    return next(
        name
        for name in archive.namelist()
        if name.endswith(".npy") and np.load(io.BytesIO(archive.read(name))).dtype.names
    )


@pytest.mark.parametrize(
    ("content", "field", "value", "reason"),
    [
        (FOREST, "left_child", 10_000_000, "lead out of it"),
        (FOREST, "right_child", -2, "lead out of it"),
        (FOREST, "right_child", 0, "lead out of it"),
        (FOREST, "feature", 4, "a feature that is not there"),
        (FOREST, "feature", -1, "a feature that is not there"),
        (HISTOGRAM, "left", 4_000_000_000, "lead out of it"),
        (HISTOGRAM, "right", 0, "lead out of it"),
        (HISTOGRAM, "feature_idx", 4, "a feature that is not there"),
        (HISTOGRAM, "is_categorical", 1, "a tree with categories"),
    ],
)
def test_a_tree_that_leads_out_of_itself_is_refused(
    content: bytes, field: str, value: int, reason: str
) -> None:
    name = nodes_of(content)
    array = np.load(io.BytesIO(zipfile.ZipFile(io.BytesIO(content)).read(name)))
    array[field][0] = value
    assert reason in refusal_of(rezipped(content, {name: saved(array)}), "skops")


def saved(array: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


@pytest.mark.parametrize("content", [FOREST, HISTOGRAM])
def test_nodes_of_other_fields_or_of_others_in_their_place_are_refused(content: bytes) -> None:
    """Compiled code reads a field by where it lies."""
    name = nodes_of(content)
    array = np.load(io.BytesIO(zipfile.ZipFile(io.BytesIO(content)).read(name)))
    swapped = {"left_child": "feature", "feature": "left_child", "left": "count", "count": "left"}
    names = [swapped.get(field, field) for field in array.dtype.names]
    offsets = [array.dtype.fields[field][1] for field in array.dtype.names]
    formats = [array.dtype.fields[field][0] for field in array.dtype.names]
    other = np.dtype(
        {"names": names, "formats": formats, "offsets": offsets, "itemsize": array.dtype.itemsize}
    )
    for changed in (array.view(other), array[["feature" if "feature" in names else "value"]]):
        found = refusal_of(rezipped(content, {name: saved(changed)}), "skops")
        assert "another version of scikit-learn" in found
    found = refusal_of(rezipped(content, {name: saved(array[:0])}), "skops")
    assert "a tree without nodes" in found
    if content == FOREST:
        found = refusal_of(rezipped(content, {name: saved(array[:-1])}), "skops")
        assert "lead out of it" in found or "fewer than it says" in found


def test_the_fields_of_nodes_are_those_of_this_version() -> None:
    assert trees.TREE == NODE_DTYPE
    assert np.dtype(PREDICTOR_RECORD_DTYPE) == trees.HISTOGRAM


def rename_trees(schema: Any) -> None:
    """skops makes a tree of what says TreeNode, whatever its class is called."""
    for part in parts_of(schema):
        if part.get("__loader__") == "TreeNode":
            part.update({"__class__": "ndarray", "__module__": "numpy"})


def hide_nodes(schema: Any) -> None:
    for part in parts_of(schema):
        if part.get("__loader__") == "TreeNode":
            part["content"]["content"]["nodes"] = {
                **{"__class__": "str", "__module__": "builtins", "__loader__": "JsonNode"},
                "content": "[]",
            }


def claim_nodes(schema: Any) -> None:
    for part in parts_of(schema):
        if part.get("__loader__") == "TreeNode":
            part["content"]["content"]["node_count"]["content"] = "1000000"


def two_contents(schema: Any) -> None:
    """skops makes such a dictionary of its `main`, whatever else is in it."""
    for part in parts_of(schema):
        if part.get("__loader__") == "TreeNode":
            content = part["content"]
            part["content"] = {
                **{"__class__": "defaultdict", "__module__": "collections"},
                "__loader__": "DefaultDictNode",
                "content": {**content["content"], "main": content},
            }


def forget_features(schema: Any) -> None:
    for part in parts_of(schema):
        if part.pop("n_features_in_", None):
            part.pop("n_outputs_", None)
    for part in parts_of(schema):
        if part.get("__loader__") == "DictNode":
            del part["key_types"]["content"][len(part["content"]) :]


def leave_features_behind(schema: Any) -> None:
    """Read here, and left out by skops, which makes as many entries as there are types."""
    for part in parts_of(schema):
        if "n_features_in_" in part.get("content", ()):
            part["content"]["n_features_in_"] = part["content"].pop("n_features_in_")
            part["key_types"]["content"].pop()


def features_that_are_none(schema: Any) -> None:
    for part in parts_of(schema):
        if "n_features_in_" in part.get("content", ()):
            part["content"]["n_features_in_"]["__loader__"] = "ListNode"
            part["content"]["n_features_in_"]["__class__"] = "list"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (rename_trees, "numpy.ndarray as TreeNode"),
        (hide_nodes, "cannot be checked"),
        (claim_nodes, "fewer than it says"),
        (two_contents, "attributes have no names"),
        (forget_features, "cannot be checked"),
        (leave_features_behind, "more entries than it makes"),
        (features_that_are_none, "cannot be checked"),
    ],
)
def test_a_tree_whose_nodes_cannot_be_checked_is_refused(
    change: Callable[[Any], None], reason: str
) -> None:
    assert reason in refusal_of(with_schema(FOREST, change), "skops")
