"""Digests, safe loading and batches, with the committed model and hostile ones."""

import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import onnx_bytes as onnx
import onnxruntime
import pytest
from app.errors import StartupError
from app.model import artifact_digest, load_model
from local_serving import URI, listing_digest
from small_models import Files, add_model, golden_json, load, predict, release_of


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


def test_rows_of_different_sizes_do_not_share_a_run() -> None:
    content = onnx.model(
        onnx.graph(
            [onnx.node("Identity", ["x"], ["y"])],
            [onnx.value_info("x", ["N", "M"])],
            [onnx.value_info("y", ["N", "M"])],
        )
    )
    golden = golden_json(outputs=[[1.0, 2.0], [3.0, 4.0]])
    assert not load({"model.onnx": content, "golden.json": golden}).can_batch


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
