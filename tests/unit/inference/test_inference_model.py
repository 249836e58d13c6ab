"""Digests, safe loading and golden samples, with the committed model and hostile ones."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import onnx_bytes as onnx
import onnxruntime  # type: ignore[import-untyped]
import pytest
from app.errors import StartupError
from app.model import Model, artifact_digest, load_model
from app.release import Release
from local_serving import URI, listing_digest, sha256

Files = dict[str, bytes]


def release_of(files: Files, **changed: str) -> Release:
    digests = {
        "artifact_digest": listing_digest(files),
        "golden_digest": sha256(files["golden.json"]),
    }
    return Release(
        name="m",
        version="1.0.0",
        uri=URI,
        format="onnx",
        model="model.onnx",
        files=tuple(sorted(files)),
        **(digests | changed),
    )


def load(files: Files) -> Model:
    return load_model(release_of(files), files)


def predict(model: Model, rows: Any) -> Any:
    return model.infer({model.inputs[0].name: rows})[0]


def golden_json(**changed: object) -> bytes:
    """Golden samples of a model that takes two features and adds 1 to each."""
    document = {
        "feature_names": ["a", "b"],
        "inputs": [[1.0, 2.0], [3.0, 4.0]],
        "outputs": [[2.0, 3.0], [4.0, 5.0]],
        "tolerance": 1e-5,
    }
    return json.dumps(document | changed).encode()


def add_model(
    initializers: list[bytes] | None = None,
    first_nodes: list[bytes] | None = None,
    inputs: list[bytes] | None = None,
    outputs: list[bytes] | None = None,
) -> bytes:
    """y = x + w, where w is [1, 1] unless the caller brings its own."""
    if initializers is None and first_nodes is None:
        initializers = [onnx.tensor("w", [1.0, 1.0])]
    return onnx.model(
        onnx.graph(
            [*(first_nodes or []), onnx.node("Add", ["x", "w"], ["y"])],
            inputs or [onnx.value_info("x", ["N", 2])],
            outputs or [onnx.value_info("y", ["N", 2])],
            initializers,
        )
    )


def test_the_artifact_digest_is_what_sha256sum_gives(artifact_folder: Path) -> None:
    listing = subprocess.run(
        ["sha256sum", "golden.json", "model.onnx"],
        cwd=artifact_folder,
        capture_output=True,
        check=True,
    ).stdout
    digest = subprocess.run(
        ["sha256sum"], input=listing, capture_output=True, check=True
    ).stdout.decode()
    files = {path.name: path.read_bytes() for path in artifact_folder.iterdir()}
    assert artifact_digest(files) == f"sha256:{digest.split()[0]}"


def test_the_committed_model_loads_and_predicts_its_golden_samples(
    committed_files: Files, golden: dict[str, Any]
) -> None:
    model = load(committed_files)
    assert model.feature_names == tuple(golden["feature_names"])
    predicted = predict(model, np.array(golden["inputs"], dtype=np.float32))
    assert predicted == pytest.approx(golden["outputs"], abs=golden["tolerance"])


def test_a_model_with_several_outputs_per_row_is_served() -> None:
    model = load({"model.onnx": add_model(), "golden.json": golden_json()})
    assert predict(model, np.array([[5, 6]], dtype=np.float32)).tolist() == [[6, 7]]


@pytest.mark.parametrize("changed", ["model.onnx", "golden.json"])
def test_one_changed_byte_is_refused_with_both_digests(
    committed_files: Files, changed: str
) -> None:
    release = release_of(committed_files)
    content = bytearray(committed_files[changed])
    content[-3] ^= 1
    files = committed_files | {changed: bytes(content)}
    with pytest.raises(StartupError) as refusal:
        load_model(release, files)
    assert str(refusal.value) == (
        f"Model artifact digest mismatch at {URI}: "
        f"expected {listing_digest(committed_files)}, got {listing_digest(files)}"
    )


def test_golden_samples_of_another_release_are_refused(committed_files: Files) -> None:
    release = release_of(committed_files, golden_digest=sha256(b"another"))
    with pytest.raises(StartupError) as refusal:
        load_model(release, committed_files)
    assert str(refusal.value) == (
        f"Golden samples digest mismatch at {URI}/golden.json: "
        f"expected {sha256(b'another')}, got {sha256(committed_files['golden.json'])}"
    )


def test_wrong_weights_are_found_by_the_golden_samples() -> None:
    wrong = add_model([onnx.tensor("w", [1.0, 1.5])])
    with pytest.raises(StartupError) as refusal:
        load({"model.onnx": wrong, "golden.json": golden_json()})
    assert str(refusal.value) == (
        f"Golden sample 0 does not match {URI}/model.onnx: "
        "expected y 3.0, got 3.5 (tolerance 1e-05)"
    )


@pytest.mark.parametrize(("offset", "is_served"), [(0.00012, True), (0.00013, False)])
def test_golden_samples_agree_up_to_their_tolerance(offset: float, is_served: bool) -> None:
    files = {
        "model.onnx": add_model([onnx.tensor("w", [1.0, 1.0 + offset])]),
        "golden.json": golden_json(tolerance=0.000125),
    }
    if is_served:
        load(files)
    else:
        with pytest.raises(StartupError, match="Golden sample 0 does not match"):
            load(files)


def test_a_model_that_answers_nan_is_refused() -> None:
    files = {
        "model.onnx": add_model([onnx.tensor("w", [1.0, float("nan")])]),
        "golden.json": golden_json(),
    }
    with pytest.raises(StartupError, match=r"expected y 3\.0, got nan"):
        load(files)


def test_golden_outputs_of_another_shape_are_refused() -> None:
    files = {"model.onnx": add_model(), "golden.json": golden_json(outputs=[2.0, 4.0])}
    with pytest.raises(StartupError, match=r"expected y of shape \(2,\), got \(2, 2\)"):
        load(files)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"not json", "can't be read"),
        (b"[]", "can't be read"),
        (b"{}", "lack 'tolerance'"),
        (golden_json(feature_names="ab"), "feature_names must be a non-empty list of strings"),
        (golden_json(feature_names=["a", 1]), "feature_names must be a non-empty list of strings"),
        (golden_json(tolerance=0), "tolerance must be a number between 0 and 1"),
        (golden_json(tolerance=True), "tolerance must be a number between 0 and 1"),
        (golden_json(tolerance=1e9), "tolerance must be a number between 0 and 1"),
        (golden_json(inputs=[[1.0], [2.0]]), "has 1 values; the model takes 2 features"),
        (golden_json(inputs=[]), "inputs must be a non-empty list"),
        (golden_json(outputs=["a", "b"]), "outputs must be finite numbers"),
        (golden_json(outputs={"z": [1.0, 2.0]}), "the model has no output 'z'"),
        (golden_json(outputs={}), "outputs must name an output"),
        (golden_json(inputs={"z": [[1.0, 2.0]]}), "inputs must name x"),
        (golden_json(feature_names=["a"]), "the model does not take 1 features"),
        (golden_json(outputs=[[1.0, 2.0]]), "2 inputs need as many outputs"),
        (golden_json(outputs=[[1.0, 2.0], [3.0]]), "can't be read"),
        (golden_json(outputs=1.0), "an output for each input"),
        (golden_json(inputs=[[1.0, float("nan")], [1.0, 2.0]]), "can't be read"),
    ],
)
def test_unsound_golden_samples_are_refused(content: bytes, complaint: str) -> None:
    with pytest.raises(StartupError, match=r"^Golden samples at ") as refusal:
        load({"model.onnx": add_model(), "golden.json": content})
    assert complaint in str(refusal.value)


CONSTANT = onnx.node(
    "Constant", [], ["w"], [onnx.tensor_attribute("value", onnx.external_tensor("w", 2, "w.bin"))]
)
INNER = onnx.graph(
    [onnx.node("Identity", ["w"], ["v"])],
    [],
    [onnx.value_info("v", [2])],
    [onnx.external_tensor("w", 2, "w.bin")],
)
BRANCH = onnx.node("If", ["c"], ["w"], [onnx.graph_attribute("then_branch", INNER)])


@pytest.mark.parametrize(
    "content",
    [
        add_model([onnx.external_tensor("w", 2, "w.bin")]),
        add_model([onnx.external_tensor("w", 2, "../../etc/passwd")]),
        add_model([onnx.external_tensor("w", 2, "/etc/passwd")]),
        add_model([onnx.external_tensor("w", 2, "*/_ORT_MEM_ADDR_/*")]),
        add_model([], [CONSTANT]),
        add_model([], [BRANCH]),
        # In a model-local function, and in the values of a sparse tensor.
        add_model() + onnx.block(25, onnx.block(7, CONSTANT)),
        onnx.model(
            onnx.graph([], [], [])
            + onnx.block(15, onnx.block(1, onnx.external_tensor("w", 2, "w.bin")))
        ),
    ],
    ids=["file", "climbing", "absolute", "memory", "constant", "branch", "function", "sparse"],
)
def test_a_model_with_data_in_a_file_that_is_not_the_releases_is_refused(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The file exists where ONNX Runtime would look: absence can't be why it is refused.
    (tmp_path / "w.bin").write_bytes(np.ones(2, np.float32).tobytes())
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        StartupError, match=r"can't be loaded: its tensors lie in '.*', which is no file"
    ):
        load({"model.onnx": content, "golden.json": golden_json()})


def test_data_in_a_sibling_comes_from_the_release_and_not_from_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "w.bin").write_bytes(np.full(2, 5, np.float32).tobytes())
    monkeypatch.chdir(tmp_path)
    content = add_model([onnx.external_tensor("w", 2, "w.bin")])
    inside = np.ones(2, np.float32).tobytes()
    model = load({"model.onnx": content, "golden.json": golden_json(), "w.bin": inside})
    assert predict(model, np.array([[5, 6]], dtype=np.float32)).tolist() == [[6, 7]]


def custom_operator(domain: str) -> bytes:
    return onnx.model(
        onnx.graph(
            [onnx.node("Mine", ["x"], ["y"], domain=domain)],
            [onnx.value_info("x", ["N", 2])],
            [onnx.value_info("y", ["N", 2])],
        ),
        (domain,),
    )


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "can't be loaded"),
        (b"\x80\x04\x95 a pickle, not a model", "can't be loaded: not an ONNX file"),
        (add_model()[:-4], "can't be loaded: not an ONNX file"),
        (custom_operator("evil.example"), "can't be loaded: .*Mine"),
        (custom_operator("ai.onnx.contrib"), "can't be loaded: .*Mine"),
        (custom_operator("com.microsoft.extensions"), "can't be loaded: .*Mine"),
    ],
)
def test_a_file_that_is_no_plain_onnx_model_is_refused_in_one_line(
    content: bytes, complaint: str
) -> None:
    with pytest.raises(StartupError, match=complaint) as refusal:
        load({"model.onnx": content, "golden.json": golden_json()})
    assert "\n" not in str(refusal.value)
    assert f"{URI}/model.onnx" in str(refusal.value)


def test_onnx_runtimes_own_format_is_refused(tmp_path: Path) -> None:
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "model.ort")
    options.add_session_config_entry("session.save_model_format", "ORT")
    onnxruntime.InferenceSession(add_model(), options, providers=["CPUExecutionProvider"])
    content = (tmp_path / "model.ort").read_bytes()
    assert content[4:8] == b"ORTM"
    with pytest.raises(StartupError, match=r"can't be loaded"):
        load({"model.onnx": content, "golden.json": golden_json()})


DOUBLE = 11


@pytest.mark.parametrize(
    ("inputs", "complaint"),
    [
        ([onnx.value_info("x", ["N", 3])], "inputs[0] has 2 values; the model takes 3 features"),
        ([onnx.value_info("x", [1, 2])], "can't predict: "),
        ([onnx.value_info("x", [2])], "inputs[0] is not a number"),
        (
            [onnx.value_info("x", ["N", 2]), onnx.value_info("z", ["N", 2])],
            "inputs must name x, z",
        ),
    ],
    ids=["columns", "fixed batch", "rank", "two inputs"],
)
def test_golden_samples_of_another_signature_are_refused(
    inputs: list[bytes], complaint: str
) -> None:
    content = add_model([onnx.tensor("w", [1.0])], inputs=inputs)
    with pytest.raises(StartupError, match=re.escape(complaint)):
        load({"model.onnx": content, "golden.json": golden_json()})


def two_by_two(kind: int = 1) -> bytes:
    """Two inputs and two outputs: their sum, and the second again."""
    return onnx.model(
        onnx.graph(
            [onnx.node("Add", ["x", "z"], ["y"]), onnx.node("Identity", ["z"], ["same"])],
            [onnx.value_info(name, ["N", 2], kind) for name in ("x", "z")],
            [onnx.value_info(name, ["N", 2], kind) for name in ("y", "same")],
        )
    )


@pytest.mark.parametrize(("kind", "datatype"), [(1, "FP32"), (11, "FP64"), (7, "INT64")])
def test_a_model_of_several_tensors_of_any_type_is_proven_by_their_names(
    kind: int, datatype: str
) -> None:
    golden = {
        "inputs": {"x": [[1, 2], [3, 4]], "z": [[10, 20], [30, 40]]},
        "outputs": {"same": [[10, 20], [30, 40]], "y": [[11, 22], [33, 44]]},
        "tolerance": 1e-6,
    }
    files = {"model.onnx": two_by_two(kind), "golden.json": json.dumps(golden).encode()}
    model = load(files)
    assert [(spec.name, spec.datatype) for spec in model.inputs] == [
        ("x", datatype),
        ("z", datatype),
    ]
    assert model.verified == 2
    assert model.can_batch
    golden["outputs"]["same"][1][0] = 31  # type: ignore[index]
    with pytest.raises(StartupError, match=r"Golden sample 1 .* expected same 31"):
        load(files | {"golden.json": json.dumps(golden).encode()})


def test_without_golden_samples_a_model_is_probed_and_unverified() -> None:
    files = {"model.onnx": two_by_two()}
    release = Release(
        name="m",
        version="1.0.0",
        uri=URI,
        format="onnx",
        model="model.onnx",
        files=("model.onnx",),
        artifact_digest=listing_digest(files),
        golden_digest="",
    )
    model = load_model(release, files)
    assert (model.verified, model.can_batch) == (0, True)


def test_rows_that_are_not_answered_alone_as_among_others_do_not_share_a_run() -> None:
    # Each row less the sum of all rows.
    axes = onnx.integer_tensor("axes", [0])
    content = onnx.model(
        onnx.graph(
            [
                onnx.node("ReduceSum", ["x", "axes"], ["sum"]),
                onnx.node("Sub", ["x", "sum"], ["y"]),
            ],
            [onnx.value_info("x", ["N", 2])],
            [onnx.value_info("y", ["N", 2])],
            [axes],
        )
    )
    golden = golden_json(outputs=[[-3.0, -4.0], [-1.0, -2.0]])
    assert not load({"model.onnx": content, "golden.json": golden}).can_batch
