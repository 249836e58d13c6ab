"""Each runtime answers as its framework's own library does, and runs nothing of a hostile file."""

import io
import json
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pytest
import skops.io
import xgboost
from app.errors import StartupError
from app.model import Model, load_model
from app.release import Release
from local_serving import URI, FileStore, Server, listing_digest, release_document, sha256
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree._tree import NODE_DTYPE

from tests.unit.model_files.calling_models import CALLING

RANDOM = np.random.default_rng(7)
ROWS = RANDOM.normal(size=(300, 4))
LABELS = (ROWS[:, 0] + ROWS[:, 1] * ROWS[:, 2] > 0).astype(int)
TARGETS = ROWS @ [1.0, -2.0, 0.5, 3.0]
SIZES = TARGETS.round().clip(-1, 1).astype(int) + 1
NAMES = ["a", "b", "c", "d"]
Predict = Callable[[Any], Any]


def sklearn_file(model: Any, target: Any) -> tuple[bytes, Predict]:
    model.fit(ROWS, target)
    return skops.io.dumps(model), model.predict


def pickle_file(model: Any, target: Any) -> tuple[bytes, Predict]:
    model.fit(ROWS, target)
    return pickle.dumps(model), model.predict


def xgboost_file(name: str, target: Any, **parameters: Any) -> tuple[bytes, Predict]:
    booster = xgboost.train(parameters, xgboost.DMatrix(ROWS.astype(np.float32), target), 8)
    return bytes(booster.save_raw(name)), lambda rows: booster.predict(
        xgboost.DMatrix(rows.astype(np.float32))
    )


def lightgbm_file(target: Any, **parameters: Any) -> tuple[bytes, Predict]:
    booster = lightgbm.train({"verbose": -1, **parameters}, lightgbm.Dataset(ROWS, target), 8)
    return booster.model_to_string().encode(), booster.predict


CASES: dict[str, tuple[str, str, Callable[[], tuple[bytes, Predict]]]] = {
    "skops linear": (
        "skops",
        "model.skops",
        lambda: sklearn_file(make_pipeline(StandardScaler(), LogisticRegression()), LABELS),
    ),
    "skops forest": (
        "skops",
        "model.skops",
        lambda: sklearn_file(RandomForestClassifier(8), SIZES),
    ),
    "skops histogram": (
        "skops",
        "model.skops",
        lambda: sklearn_file(HistGradientBoostingRegressor(max_iter=8), TARGETS),
    ),
    "pickle": (
        "pickle",
        "model.pkl",
        lambda: pickle_file(Ridge(), np.stack([TARGETS, -TARGETS], 1)),
    ),
    "xgboost binary": (
        "xgboost",
        "model.ubj",
        lambda: xgboost_file("ubj", LABELS, objective="binary:logistic"),
    ),
    "xgboost classes": (
        "xgboost",
        "model.json",
        lambda: xgboost_file("json", SIZES, objective="multi:softprob", num_class=3),
    ),
    "lightgbm": ("lightgbm", "model.txt", lambda: lightgbm_file(TARGETS)),
    "lightgbm classes": (
        "lightgbm",
        "model.txt",
        lambda: lightgbm_file(SIZES, objective="multiclass", num_class=3),
    ),
}


def golden_of(predict: Predict, rows: Any = ROWS[:4]) -> bytes:
    document = {
        "feature_names": NAMES[: rows.shape[1]],
        "inputs": rows.tolist(),
        "outputs": np.asarray(predict(rows)).tolist(),
        "tolerance": 1e-5,
    }
    return json.dumps(document).encode()


def load(format_name: str, name: str, content: bytes, golden: bytes) -> Model:
    files = {name: content, "golden.json": golden}
    release = Release(
        name="m",
        version="1.0.0",
        uri=URI,
        format=format_name,
        model=name,
        files=tuple(sorted(files)),
        artifact_digest=listing_digest(files),
        golden_digest=sha256(golden),
    )
    return load_model(release, files)


@pytest.mark.parametrize("case", CASES)
def test_outputs_equal_the_librarys_own(case: str) -> None:
    format_name, name, make = CASES[case]
    content, predict = make()
    model = load(format_name, name, content, golden_of(predict))
    rows = RANDOM.normal(size=(500, 4))
    spec = model.inputs[0]
    found = model.infer({spec.name: rows.astype(spec.dtype)})[0]
    assert np.asarray(found) == pytest.approx(np.asarray(predict(rows)), abs=1e-6)


@pytest.mark.parametrize("case", CASES)
def test_another_number_of_features_is_refused(case: str) -> None:
    format_name, name, make = CASES[case]
    content, _ = make()
    golden = golden_of(lambda rows: rows[:, 0], ROWS[:4, :3])
    with pytest.raises(StartupError, match="has 3 values; the model takes 4 features"):
        load(format_name, name, content, golden)


class Payload:
    """Runs a command when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"touch {self.marker}",)


def archive(**files: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as made:
        for name, content in files.items():
            made.writestr(name.replace("_", "."), content)
    return stream.getvalue()


SCHEMA = {"__module__": "os", "__class__": "system", "__loader__": "FunctionNode", "protocol": 2}


@pytest.mark.parametrize("case", CASES)
def test_a_file_that_would_run_code_is_refused_and_has_not_run(case: str, tmp_path: Path) -> None:
    """Also without a gate in front of it."""
    format_name, name, _ = CASES[case]
    marker = tmp_path / "ran"
    program = pickle.dumps(Payload(marker))
    schema = json.dumps({**SCHEMA, "content": f"touch {marker}"}).encode()
    for content in (program, archive(data_pkl=program), archive(schema_json=schema), b"", b"{}x"):
        with pytest.raises(StartupError, match="can't be loaded"):
            load(format_name, name, content, golden_of(lambda rows: rows[:, 0]))
    assert not marker.exists()


@pytest.mark.parametrize(
    "name", ["os.system", "builtins.eval", "numpy.f2py.capi_maps.load_f2cmap_file", "a.b.c"]
)
def test_a_pickle_names_known_types_only(name: str) -> None:
    module, _, attribute = name.rpartition(".")
    content = f"c{module}\n{attribute}\n(S'x'\ntR.".encode()
    with pytest.raises(StartupError, match=f"names {name}, which is not trusted"):
        load("pickle", "model.pkl", content, golden_of(lambda rows: rows[:, 0]))


def test_a_known_name_does_not_lead_on_to_an_unknown_one() -> None:
    # Protocol 4 walks along dots.
    content = b"\x80\x04\x8c\x0bsklearn.svm\x8c\x09os.system\x93."
    with pytest.raises(StartupError, match="is not trusted"):
        load("pickle", "model.pkl", content, golden_of(lambda rows: rows[:, 0]))


class Built:
    """A type of items that is made of a text, and then told another state."""

    def __init__(self, text: str, *state: Any) -> None:
        self.made = np.dtype, (text, False, True), state

    def __reduce__(self) -> tuple[Any, ...]:
        return self.made


NO_FIELDS = (None, None, None)
POINTERS = (("a",), {"a": (np.dtype("O"), 0)})


@pytest.mark.parametrize(
    "built",
    [
        Built("f8", 3, "<", *NO_FIELDS, 4096, 1, 0),
        Built("V8", 3, "|", *NO_FIELDS, 4096, 1, 0),
        Built("V8", 3, "|", *NO_FIELDS, 8, 1, 63),
        Built("V8", 3, "|", None, ("a",), {"a": (np.dtype("f8"), 4096)}, 8, 1, 16),
        Built("V8", 3, "|", None, ("a",), {"a": (np.dtype("f8"), 0)}, 4096, 1, 16),
        Built("V8", 3, "|", None, *POINTERS, 8, 1, 16),
        Built("V8", *np.dtype({"names": ["a"], "formats": ["O"]}).__reduce__()[2]),
        Built("O", 3, "|", *NO_FIELDS, -1, -1, 0),
        Built("f8", 3),
        Built("f8", 3, "|", None, ("a",), None, 8, 1, 0),
    ],
)
def test_a_type_of_items_that_is_not_what_it_says_is_refused(built: Built) -> None:
    content = pickle.dumps(built)
    with pytest.raises(StartupError, match="its type of an array's items is not what it says"):
        load("pickle", "model.pkl", content, golden_of(lambda rows: rows[:, 0]))


@pytest.mark.parametrize("kind", ["<f8", ">f8", "O", "U7", "V5", "i4,f8", NODE_DTYPE])
def test_a_type_of_items_that_is_what_it_says_is_read(kind: Any) -> None:
    content = pickle.dumps(np.dtype(kind))
    with pytest.raises(StartupError, match="has no predict"):
        load("pickle", "model.pkl", content, golden_of(lambda rows: rows[:, 0]))


@pytest.mark.parametrize("make", CALLING)
@pytest.mark.parametrize("format_name", ["skops", "pickle"])
@pytest.mark.filterwarnings("ignore")
def test_a_model_that_has_something_called_is_refused_before_it_is(
    format_name: str, make: Callable[[Path], Any], tmp_path: Path
) -> None:
    model = make(tmp_path / "cache")
    content = skops.io.dumps(model) if format_name == "skops" else pickle.dumps(model)
    expected = CALLING[make] or "in place of a value"
    name = {"skops": "model.skops", "pickle": "model.pkl"}[format_name]
    with pytest.raises(StartupError, match=expected):
        load(format_name, name, content, golden_of(lambda rows: rows[:, 0]))
    assert not (tmp_path / "cache").exists()


def test_what_does_not_predict_is_refused() -> None:
    content = skops.io.dumps(StandardScaler().fit(ROWS))
    with pytest.raises(StartupError, match="StandardScaler has no predict"):
        load("skops", "model.skops", content, golden_of(lambda rows: rows[:, 0]))


def test_words_are_predictions_too_and_probabilities_stand_beside_them() -> None:
    words = np.array(["no", "yes"])[LABELS]
    classifier = LogisticRegression()
    content, _ = sklearn_file(classifier, words)
    golden = {
        "inputs": {"features": ROWS[:4].tolist()},
        "outputs": {
            "predict": classifier.predict(ROWS[:4]).tolist(),
            "predict_proba": classifier.predict_proba(ROWS[:4]).tolist(),
        },
        "tolerance": 1e-6,
    }
    model = load("skops", "model.skops", content, json.dumps(golden).encode())
    assert [(spec.name, spec.datatype, spec.shape) for spec in model.outputs] == [
        ("predict", "BYTES", (-1,)),
        ("predict_proba", "FP64", (-1, 2)),
    ]
    golden["outputs"]["predict"][2] = "maybe"
    with pytest.raises(StartupError, match=r"Golden sample 2 .* expected predict maybe"):
        load("skops", "model.skops", content, json.dumps(golden).encode())


@pytest.mark.parametrize("case", ["skops forest", "xgboost binary", "lightgbm classes"])
def test_the_server_answers_with_the_model_of_its_release(
    case: str, file_store: FileStore, start_server: Callable[..., Server]
) -> None:
    format_name, name, make = CASES[case]
    content, predict = make()
    files = {f"inner/{name}": content, "golden.json": golden_of(predict)}
    file_store.put(files)
    release = release_document(files, format_name=format_name, model=f"inner/{name}")
    server = start_server(release, MLIFECYCLE_MODEL_STORE_ENDPOINT=file_store.endpoint)
    server.wait_until_healthy()
    body = json.dumps({"instances": ROWS[:3].tolist()}).encode()
    status, answer = server.request("POST", "/predict", body)
    assert status == 200
    expected = np.asarray(predict(ROWS[:3])).tolist()
    assert np.asarray(json.loads(answer)["predictions"]) == pytest.approx(np.asarray(expected))
