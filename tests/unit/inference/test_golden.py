"""Golden samples: what they prove of a model, and which are refused."""

import json
import re
from typing import Any

import onnx_bytes as onnx
import pytest
from app.errors import StartupError
from app.model import load_model
from app.release import Release
from local_serving import URI, listing_digest, sha256
from small_models import Files, add_model, golden_json, load, release_of, two_by_two


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


@pytest.mark.parametrize(("kind", "datatype"), [(1, "FP32"), (11, "FP64"), (7, "INT64")])
def test_a_model_of_several_tensors_of_any_type_is_proven_by_their_names(
    kind: int, datatype: str
) -> None:
    golden: dict[str, Any] = {
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
    golden["outputs"]["same"][1][0] = 31
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
