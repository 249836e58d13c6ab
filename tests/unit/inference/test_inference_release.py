"""The release file: what is accepted, and the one line that says why it is not."""

import json
from pathlib import Path

import pytest
from app.errors import StartupError
from app.release import Release, read_release

DIGEST = "sha256:" + "a" * 64
GOOD = {
    "name": "fraud-detector",
    "version": "2.1.0",
    "uri": "s3://models/fraud-detector/v2.1.0/",
    "format": "onnx",
    "model": "model.onnx",
    "files": ["golden.json", "model.onnx"],
    "artifactDigest": DIGEST,
    "goldenDigest": "sha256:" + "b" * 64,
}


def test_a_complete_release_file_is_read_and_its_uri_normalised(tmp_path: Path) -> None:
    path = tmp_path / "release.json"
    path.write_text(json.dumps(GOOD))
    assert read_release(path) == Release(
        name="fraud-detector",
        version="2.1.0",
        uri="s3://models/fraud-detector/v2.1.0",
        format="onnx",
        model="model.onnx",
        files=("golden.json", "model.onnx"),
        artifact_digest=DIGEST,
        golden_digest="sha256:" + "b" * 64,
    )


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "is not valid JSON"),
        ("[]", "is not a JSON object"),
        (json.dumps(GOOD | {"digest": DIGEST}), "has unknown keys: digest"),
        (json.dumps({k: v for k, v in GOOD.items() if k != "version"}), "version must be"),
        (json.dumps(GOOD | {"version": 2.1}), "version must be a non-empty string"),
        (json.dumps(GOOD | {"name": ""}), "name must be a non-empty string"),
        (json.dumps(GOOD | {"uri": None}), "uri must be a non-empty string"),
        (json.dumps(GOOD | {"format": "os"}), "format must be one of onnx, skops"),
        (json.dumps(GOOD | {"files": "model.onnx"}), "files must be a list of names"),
        (json.dumps(GOOD | {"model": "x"}), "files must have the model"),
        (json.dumps(GOOD | {"goldenDigest": ""}), "goldenDigest must be a non-empty string"),
        (json.dumps(GOOD | {"artifactDigest": "a" * 64}), "artifactDigest must be sha256:"),
        (json.dumps(GOOD | {"goldenDigest": DIGEST.upper()}), "goldenDigest must be sha256:"),
        (json.dumps(GOOD | {"goldenDigest": DIGEST + "\n"}), "goldenDigest must be sha256:"),
    ],
)
def test_an_unsound_release_file_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "release.json"
    path.write_text(text)
    with pytest.raises(StartupError, match=complaint) as refusal:
        read_release(path)
    assert str(path) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_missing_release_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match=r"none\.json can't be read: No such file or directory"):
        read_release(tmp_path / "none.json")
