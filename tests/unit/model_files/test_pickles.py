"""Pickles: two scanners read each, and what it names beyond a model's types is found by both."""

import os
import pickle
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mlifecycle.process import ToolError
from mlifecycle.security.evidence import Scan
from mlifecycle.security.model_files import pickles
from mlifecycle.security.model_files.judgement import judge
from tests.unit.model_files.payloads import Payload
from tests.unit.model_files.skops_models import LABELS, ROWS

MODELS = (
    make_pipeline(StandardScaler(), LogisticRegression()),
    RandomForestClassifier(3),
    HistGradientBoostingClassifier(max_iter=3),
)


def scans_of(content: bytes) -> tuple[Scan, ...]:
    judged = judge(content, "pickle")
    assert judged.refusal == ""
    return judged.scans


@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
def test_a_models_pickle_names_known_types_only(model: Any) -> None:
    found = scans_of(pickle.dumps(model.fit(ROWS, LABELS)))
    assert [(scan.scanner, scan.target, scan.weaknesses) for scan in found] == [
        ("picklescan", "model", ()),
        ("fickling", "model", ()),
    ]
    assert all(scan.inspected and scan.version for scan in found)


class Called:
    """Pickled as a call of whatever it is told."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.call


# fickling reads no numbers of protocol 0, and no arrays of protocol 5: those are refused.
@pytest.mark.parametrize("protocol", [1, 4])
@pytest.mark.parametrize("function", [os.system, subprocess.check_output, getattr, print])
def test_a_call_of_anything_else_is_found_by_both_and_has_not_run(
    function: Callable[..., Any], protocol: int, tmp_path: Path
) -> None:
    marker = tmp_path / "ran"
    model = LogisticRegression().fit(ROWS, LABELS)
    model.extra_ = Called(function, f"touch {marker}")
    for scan in scans_of(pickle.dumps(model, protocol)):
        assert any(function.__name__ in item.message for item in scan.weaknesses), scan.scanner
    assert not marker.exists()


@pytest.mark.parametrize("protocol", [0, 5])
def test_a_pickle_that_a_scanner_cannot_read_is_refused(protocol: int) -> None:
    content = pickle.dumps(LogisticRegression().fit(ROWS, LABELS), protocol)
    assert "fickling cannot read the pickle" in judge(content, "pickle").refusal


@pytest.mark.parametrize("change", [lambda c: c[:-1], lambda c: c + b"\x80\x04N."])
def test_a_pickle_that_does_not_end_where_it_should_is_refused(
    change: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    content = change(pickle.dumps(Payload(tmp_path / "ran")))
    judged = judge(content, "pickle")
    assert judged.refusal or any(scan.weaknesses for scan in judged.scans)


def test_what_is_no_pickle_is_refused() -> None:
    for content in (b"", b"PK\x03\x04", b"text"):
        assert "cannot read the pickle" in judge(content, "pickle").refusal


def test_a_scanner_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pickles, "SCAN_SECONDS", 0.01)
    assert "did not end within" in judge(pickle.dumps({}), "pickle").refusal


@pytest.mark.parametrize(
    ("printed", "reason"),
    [
        ("", "printed nothing"),
        ('{"version', "half a document"),
        ("[]", "no JSON object"),
        ('{"version": "1", "inspected": 1, "findings": [{"rule": 1}]}', "cannot be read"),
    ],
)
def test_a_scanner_whose_report_cannot_be_read_has_not_looked(
    printed: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pickles, "run_tool", lambda *_, **__: printed)
    with pytest.raises(ToolError, match=reason):
        pickles.scan_pickle(b"")
    assert reason in judge(b"", "pickle").refusal
