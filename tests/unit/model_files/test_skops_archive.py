"""skops: real models pass; whatever else a file could do is refused, and has not run."""

import io
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    BaggingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
    StackingClassifier,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from mlifecycle.security.model_files.archives import strict_zip
from tests.unit.model_files import skops_types
from tests.unit.model_files.payloads import Payload, refusal_of, rezipped, zipped

RANDOM = np.random.default_rng(0)
ROWS = RANDOM.normal(size=(80, 4))
LABELS = (ROWS[:, 0] + ROWS[:, 1] > 0).astype(int)
MODELS: dict[str, Any] = {
    "linear": make_pipeline(StandardScaler(), LogisticRegression()),
    "tree": DecisionTreeClassifier(),
    "forest": RandomForestClassifier(5),
    "boosting": GradientBoostingRegressor(n_estimators=5),
    "histogram": HistGradientBoostingClassifier(max_iter=5),
    "isolation": IsolationForest(n_estimators=5, max_features=2),
    "bagging": BaggingClassifier(DecisionTreeClassifier(), n_estimators=3, max_features=2),
    "stacking": StackingClassifier(
        [(f"m{i}", LogisticRegression()) for i in range(6)], RandomForestClassifier(3)
    ),
    "columns": make_pipeline(
        ColumnTransformer(
            [("one", OneHotEncoder(handle_unknown="ignore"), [3])], remainder="passthrough"
        ),
        RandomForestClassifier(3),
    ),
    "function": make_pipeline(FunctionTransformer(np.exp), SGDClassifier()),
    "network": MLPClassifier((4,), max_iter=5),
    "vectors": SVC(),
}


def dumped(model: Any) -> bytes:
    rows = ROWS.copy()
    rows[:, 3] = rows[:, 3].round().clip(0, 3)
    content: bytes = skops.io.dumps(model.fit(rows, LABELS))
    return content


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.filterwarnings("ignore")
def test_a_model_that_skops_wrote_may_be_served(name: str) -> None:
    assert refusal_of(dumped(MODELS[name]), "skops") == ""


def test_a_compressed_file_and_a_sparse_matrix_may_be_served() -> None:
    model = make_pipeline(TfidfVectorizer(), LogisticRegression())
    model.fit(["aa bb", "bb cc", "cc dd", "dd ee"], [0, 1, 0, 1])
    content = skops.io.dumps(model, compression=zipfile.ZIP_DEFLATED)
    assert refusal_of(content, "skops") == ""


def test_the_list_of_types_is_that_of_this_version() -> None:
    """Else: python -m tests.unit.model_files.skops_types"""
    assert skops_types.TYPES.read_text().split() == skops_types.types()


LINEAR = dumped(MODELS["linear"])
FOREST = dumped(MODELS["forest"])
HISTOGRAM = dumped(MODELS["histogram"])


def with_schema(change: Callable[[Any], None], content: bytes = LINEAR) -> bytes:
    schema = json.loads(zipfile.ZipFile(io.BytesIO(content)).read("schema.json"))
    change(schema)
    return rezipped(content, {"schema.json": json.dumps(schema).encode()})


def node(**part: Any) -> Callable[[Any], None]:
    """Put a part somewhere deep into the schema."""

    def change(schema: Any) -> None:
        schema["content"]["content"]["extra"] = {"__module__": "builtins", **part}

    return change


TEXT = {"__class__": "str", "__module__": "builtins", "__loader__": "JsonNode", "content": '"x"'}
SYSTEM = {"__class__": "system", "__module__": "os", "__loader__": "FunctionNode"}


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        (SYSTEM, "needs os.system"),
        ({**SYSTEM, "__module__": "posix"}, "needs posix.system"),
        ({"__class__": "eval", "__loader__": "FunctionNode"}, "needs builtins.eval"),
        ({"__class__": "Popen", "__module__": "subprocess", "__loader__": "ObjectNode"}, "Popen"),
        ({"__class__": "Popen", "__module__": "subprocess", "__loader__": "TypeNode"}, "Popen"),
        (
            {"__class__": "sys", "__module__": "sklearn.utils", "__loader__": "TypeNode"},
            "ls.sys",
        ),
        # What is let through by its name, made by something that calls.
        ({"__class__": "str", "__loader__": "PartialNode", "content": {"func": SYSTEM}}, "Partial"),
        ({"__class__": "str", "__loader__": "MethodNode", "content": {}}, "MethodNode"),
        ({"__class__": "str", "__loader__": "OperatorFuncNode"}, "OperatorFuncNode"),
        ({"__class__": "str", "__loader__": "ConstructorFromReduceNode"}, "FromReduceNode"),
        ({"__class__": "str", "__loader__": "QuantileForestNode"}, "QuantileForestNode"),
        ({"__class__": "str", "__loader__": None}, "None"),
        ({"__class__": "str"}, "None"),
        ({"__loader__": "ObjectNode"}, "needs builtins.None"),
        # Deep within a list of a dictionary.
        (
            {"__class__": "dict", "__loader__": "DictNode", "content": [{"a": [SYSTEM]}]},
            "os.system",
        ),
    ],
)
def test_what_calls_or_is_not_known_is_refused(part: dict[str, Any], reason: str) -> None:
    assert reason in refusal_of(with_schema(node(**part)), "skops")


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
        (HISTOGRAM, "is_categorical", 1, "categories lie outside"),
    ],
)
def test_a_tree_that_leads_out_of_itself_is_refused(
    content: bytes, field: str, value: int, reason: str
) -> None:
    name = nodes_of(content)
    array = np.load(io.BytesIO(zipfile.ZipFile(io.BytesIO(content)).read(name)))
    array[field][0] = value
    if field == "is_categorical":
        array["bitset_idx"][0] = 1_000_000
    stream = io.BytesIO()
    np.save(stream, array)
    assert reason in refusal_of(rezipped(content, {name: stream.getvalue()}), "skops")


def trees_in(schema: Any) -> list[Any]:
    parts, waiting = [], [schema]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            if part.get("__loader__") == "TreeNode":
                parts.append(part)
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part
    return parts


def rename_trees(schema: Any) -> None:
    """skops makes a tree of what says TreeNode, whatever its class is called."""
    for part in trees_in(schema):
        part.update({"__class__": "ndarray", "__module__": "numpy"})
        part["content"]["content"]["nodes"]["__loader__"] = "CachedNode"


def forget_features(schema: Any) -> None:
    waiting = [schema]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            part.pop("n_features_in_", None)
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part


@pytest.mark.parametrize("change", [rename_trees, forget_features])
def test_a_tree_whose_nodes_cannot_be_checked_is_refused(change: Callable[[Any], None]) -> None:
    assert "cannot be checked" in refusal_of(with_schema(change, FOREST), "skops")


def objects(marker: Path) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.array([Payload(marker)], dtype=object), allow_pickle=True)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("wrap", "reason"),
    [
        (lambda content: content, "no zip archive"),
        (zipped, "which skops does not write"),
        (lambda content: rezipped(LINEAR, {"1.npy": content}), "no array of numbers"),
        (lambda content: rezipped(LINEAR, {"data.pkl": content}), "which skops does not write"),
        (lambda content: rezipped(LINEAR, {"../1.npy": content}), "its archive holds"),
        (lambda content: b"\0" * 8 + LINEAR + content, "no zip archive"),
        (lambda content: LINEAR + content, "bytes follow"),
        (lambda content: rezipped(LINEAR, {"1.npz": zipped(content, "a.npy")}), "no array"),
        (lambda content: rezipped(LINEAR, {"schema.json": content}), "schema cannot be read"),
        (lambda content: rezipped(LINEAR, {"schema.json": b"[" * 100_000}), "cannot be read"),
        (lambda _: rezipped(LINEAR, {"schema.json": None}), "schema.json cannot be read"),
    ],
)
def test_a_pickle_in_whatever_place_is_refused_and_has_not_run(
    wrap: Callable[[bytes], bytes], reason: str, tmp_path: Path
) -> None:
    marker = tmp_path / "ran"
    assert reason in refusal_of(wrap(pickle.dumps(Payload(marker))), "skops")
    assert not marker.exists()


def test_an_array_of_objects_is_refused_and_has_not_run(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    content = rezipped(LINEAR, {"1.npy": objects(marker)})
    assert "no array of numbers" in refusal_of(content, "skops")
    assert not marker.exists()


def test_an_archive_that_two_readers_read_differently_is_refused() -> None:
    twice = io.BytesIO(LINEAR)
    with zipfile.ZipFile(twice, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("schema.json", "{}")
    assert "holds a file twice" in refusal_of(twice.getvalue(), "skops")
    named = LINEAR.replace(b"schema.json", b"schemA.json", 1)
    assert "cannot be read" in refusal_of(named, "skops")
    commented = io.BytesIO(LINEAR)
    with zipfile.ZipFile(commented, "a") as archive:
        archive.comment = b"and more"
    assert "bytes follow" in refusal_of(commented.getvalue(), "skops")
    encrypted = bytearray(LINEAR)
    encrypted[LINEAR.index(b"PK\x01\x02") + 8] |= 1
    assert "encrypted" in refusal_of(bytes(encrypted), "skops")
    assert strict_zip(LINEAR).namelist()
