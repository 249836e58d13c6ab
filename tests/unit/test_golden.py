"""Golden samples: plain lists, or tensors by their names; what is malformed is said."""

import json
from typing import Any

import pytest

from mlifecycle.artifact.golden import UNNAMED, flat, read_golden

PLAIN = {"inputs": [[1, 2], [3, 4]], "outputs": [0.5, 0.25], "tolerance": 1e-5}
NAMED = {
    "inputs": {"x": [[1, 2], [3, 4]], "words": [["a"], ["b"]]},
    "outputs": {"label": ["yes", "no"], "scores": [[0.5, 0.5], [1, 0]]},
    "tolerance": 1e-5,
}


def test_lists_are_a_models_one_input_and_first_output() -> None:
    samples = read_golden(json.dumps({**PLAIN, "feature_names": ["a", "b"]}).encode())
    assert samples.inputs == {UNNAMED: [[1, 2], [3, 4]]}
    assert (samples.count, samples.is_plain) == (2, True)


def test_objects_name_tensors() -> None:
    samples = read_golden(json.dumps(NAMED).encode())
    assert samples.inputs.keys() == {"x", "words"}
    assert (samples.count, samples.is_plain) == (2, False)
    assert list(flat(samples.outputs["scores"])) == [0.5, 0.5, 1, 0]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"outputs": [0.5]}, "need one output for each input"),
        ({"inputs": [], "outputs": []}, "need one output for each input"),
        ({"outputs": {"a": [1, 2], "b": [1]}}, "need one output for each input"),
        ({"inputs": {}}, "no tensor is given"),
        ({"inputs": 7}, "is no list of samples"),
        ({"outputs": {"label": "yes"}}, "label is no list of samples"),
        ({"outputs": [{"a": 1}, 2]}, "is no number and no text"),
        ({"outputs": [float("nan"), 1]}, "nan is no number"),
        ({"tolerance": 0}, "tolerance between 0 and 1"),
        ({"tolerance": "x"}, "are malformed"),
    ],
)
def test_what_is_malformed_is_said(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_golden(json.dumps({**PLAIN, **changes}).encode())


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"[" * 100_000, b"\xff"])
def test_what_is_no_document_is_said(content: bytes) -> None:
    with pytest.raises(ValueError, match="are malformed"):
        read_golden(content)
