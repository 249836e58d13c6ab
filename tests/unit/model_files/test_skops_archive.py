"""skops: real models pass; whatever else a file could do is refused, and has not run."""

import io
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    BaggingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
    StackingClassifier,
)
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from mlifecycle.security.model_files.archives import strict_zip
from tests.unit.model_files import skops_types
from tests.unit.model_files.calling_models import CALLING
from tests.unit.model_files.payloads import Payload, refusal_of, rezipped, zipped
from tests.unit.model_files.skops_models import LABELS, ROWS, dumped, with_schema

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
    "search": GridSearchCV(LogisticRegression(), {"C": [1.0, 2.0]}),
    "calibrated": CalibratedClassifierCV(RandomForestClassifier(3)),
    "process": GaussianProcessClassifier(),
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.filterwarnings("ignore")
def test_a_model_that_skops_wrote_may_be_served(name: str) -> None:
    assert refusal_of(dumped(MODELS[name]), "skops") == ""


def test_a_compressed_file_may_be_served() -> None:
    model = LogisticRegression().fit(ROWS, LABELS)
    content = skops.io.dumps(model, compression=zipfile.ZIP_DEFLATED)
    assert refusal_of(content, "skops") == ""


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (SVC(), "needs sklearn.svm._classes.SVC as ObjectNode"),
        (SGDClassifier(), "a sparse matrix"),
        (KNeighborsClassifier(), "needs sklearn.neighbors._kd_tree.KDTree"),
    ],
)
def test_a_model_whose_numbers_lead_where_nobody_looks_is_refused(model: Any, reason: str) -> None:
    model.fit(ROWS, LABELS)
    if isinstance(model, SGDClassifier):
        model.sparsify()
    found = refusal_of(skops.io.dumps(model), "skops")
    assert reason in found
    assert "export the model to ONNX" in found


@pytest.mark.parametrize("make", CALLING)
def test_a_model_that_has_something_called_is_refused(
    make: Callable[[Path], Any], tmp_path: Path
) -> None:
    content = skops.io.dumps(make(tmp_path / "cache"))
    assert (CALLING[make] or "func is no function of NumPy's") in refusal_of(content, "skops")


def test_the_list_of_types_is_that_of_this_version() -> None:
    """Else: python -m tests.unit.model_files.skops_types"""
    assert skops_types.TYPES.read_text().split() == skops_types.types()
    assert skops_types.METHODS.read_text().split() == skops_types.methods()


LINEAR = dumped(MODELS["linear"])


def node(**part: Any) -> Callable[[Any], None]:
    """Put a part somewhere deep into the schema."""

    def change(schema: Any) -> None:
        add(schema["content"], "extra", {"__module__": "builtins", **part})

    return change


def add(attributes: Any, name: str, part: Any) -> None:
    attributes["content"][name] = part
    attributes["key_types"]["content"].append(STRING)


STRING = {"__class__": "str", "__module__": "builtins", "__loader__": "TypeNode"}
TEXT = {"__class__": "str", "__module__": "builtins", "__loader__": "JsonNode", "content": '"x"'}
TREE = {"__class__": "Tree", "__module__": "sklearn.tree._tree"}
LOSS = {"__class__": "CyHuberLoss", "__module__": "sklearn._loss._loss"}
STEPS = {"__class__": "Pipeline", "__module__": "sklearn.pipeline"}
DICT = {"__class__": "dict", "__module__": "builtins", "__loader__": "DictNode"}
LIST = {"__class__": "list", "__module__": "builtins", "__loader__": "ListNode", "content": []}
NUMPY = {"__module__": "numpy"}
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
        ({"__class__": "csr_matrix", "__loader__": "SparseMatrixNode"}, "SparseMatrixNode"),
        ({"__class__": "str", "__loader__": "CachedNode", "__id__": 1}, "CachedNode"),
        # What is let through, made by what is not its own.
        ({"__class__": "str", "__loader__": "ObjectNode"}, "needs builtins.str as ObjectNode"),
        ({"__class__": "list", "__loader__": "DictNode"}, "needs builtins.list as DictNode"),
        ({**NUMPY, "__class__": "ndarray", "__loader__": "TypeNode"}, "numpy.ndarray as TypeNode"),
        ({**NUMPY, "__class__": "float64", "__loader__": "FunctionNode"}, "as FunctionNode"),
        ({**NUMPY, "__class__": "exp", "__loader__": "NdArrayNode"}, "numpy.exp as NdArrayNode"),
        ({**TREE, "__loader__": "ObjectNode"}, "sklearn.tree._tree.Tree as ObjectNode"),
        ({**LOSS, "__loader__": "ObjectNode"}, "CyHuberLoss as ObjectNode"),
        ({**STEPS, "__loader__": "LossNode"}, "sklearn.pipeline.Pipeline as LossNode"),
        ({**STEPS, "__loader__": "ObjectNode", "content": LIST}, "attributes have no names"),
        ({**STEPS, "__loader__": "ObjectNode", "content": [1]}, "attributes have no names"),
        ({**DICT, "content": {"a": TEXT}}, "more entries than it makes"),
        ({**DICT, "content": {"a": TEXT}, "key_types": {"content": [STRING]}}, "more entries"),
        ({**DICT, "content": {"a": TEXT}, "key_types": {**LIST, "content": [TEXT]}}, "more ent"),
        ({**NUMPY, "__class__": "ndarray", "__loader__": "NdArrayNode", "file": "a.bin"}, "a.bin"),
        ({"__class__": "bytes", "__loader__": "BytesNode", "file": "1.npy"}, "1.npy"),
        ({**TEXT, "__id__": 1, "x": {**TEXT, "__id__": 1}}, "two parts of one id"),
        ({"__id__": 1}, "None"),
        ({"__class__": "str", "__loader__": None}, "None"),
        ({"__class__": "str"}, "None"),
        ({"__loader__": "ObjectNode"}, "needs builtins.None"),
        # Deep within a list of a dictionary.
        (
            {
                **DICT,
                "content": {"a": {**LIST, "content": [SYSTEM]}},
                "key_types": {**LIST, "content": [STRING]},
            },
            "os.system",
        ),
    ],
)
def test_what_calls_or_is_not_known_is_refused(part: dict[str, Any], reason: str) -> None:
    assert reason in refusal_of(with_schema(LINEAR, node(**part)), "skops")


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
        (lambda content: rezipped(LINEAR, {"1.npz": zipped(content, "a.npy")}), "sparse matrix"),
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


@pytest.mark.parametrize(
    ("protocol", "reason"),
    [(0, "protocol 0"), (3, "protocol 3"), (True, "none of skops"), (None, "none of skops")],
)
def test_a_schema_of_other_loaders_is_refused(protocol: int | None, reason: str) -> None:
    content = with_schema(LINEAR, lambda schema: schema.update(protocol=protocol))
    assert reason in refusal_of(content, "skops")
    assert "none of skops" in refusal_of(rezipped(LINEAR, {"schema.json": b"[]"}), "skops")


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
