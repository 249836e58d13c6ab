"""Image names follow from what an image is made of."""

from dataclasses import replace
from typing import Any

from mlifecycle.image import names
from mlifecycle.image.names import BuildInputs, OsPatches

INPUTS = BuildInputs(
    artifact_digest="sha256:a",
    golden_digest="sha256:b",
    context_digest="c",
    base_image="python@sha256:d",
    os_patches=OsPatches("2026-11-27", "e"),
    format_name="onnx",
    model_file="model.onnx",
    files=("golden.json", "model.onnx"),
    uri="s3://models/m/v1",
    model="m",
    version="2.1.0+build.5",
)


def test_what_runs_is_named_by_tag_and_digest() -> None:
    reference = names.reference("ghcr.io/org", INPUTS, "sha256:e")
    assert reference == f"ghcr.io/org/m/inference-service:{names.tag(INPUTS)}@sha256:e"


def test_a_tag_is_legal_and_carries_version_and_inputs() -> None:
    assert names.tag(INPUTS) == f"2.1.0_build.5-{INPUTS.digest()[:12]}"


def test_each_input_changes_the_tag() -> None:
    changes: tuple[dict[str, Any], ...] = (
        {"artifact_digest": "sha256:x"},
        {"golden_digest": "sha256:x"},
        {"context_digest": "x"},
        {"base_image": "python@sha256:x"},
        {"os_patches": OsPatches("2026-11-27", "x")},
        {"uri": "s3://models/m/v2"},
        {"version": "2.1.1"},
    )
    tags = {names.tag(replace(INPUTS, **change)) for change in changes}
    assert len(tags | {names.tag(INPUTS)}) == len(changes) + 1
