"""Putting things into a registry that tells two who upload one blob that it is unknown.

That moment cannot be brought about at will, so here its answer is given by hand.
"""

from pathlib import Path
from typing import Any

import pytest

from mlifecycle import registry
from mlifecycle.process import ToolError

COLLISION = "failed to put manifest r/locks:1: http 400: MANIFEST_BLOB_UNKNOWN blob unknown"


def answering(monkeypatch: pytest.MonkeyPatch, *answers: str) -> list[Any]:
    """Have regctl fail with each answer in turn, then succeed."""
    calls: list[Any] = []

    def run(command: list[str], **_: Any) -> str:
        calls.append(command)
        if len(calls) <= len(answers):
            raise ToolError(answers[len(calls) - 1])
        return ""

    monkeypatch.setattr(registry, "run_tool", run)
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda _: None)
    return calls


def test_a_collision_is_tried_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    calls = answering(monkeypatch, COLLISION, COLLISION)
    registry.put_document("r/locks:1", "text/plain", "x")
    assert len(calls) == 3
    (tmp_path / "a").touch()
    calls = answering(monkeypatch, COLLISION)
    registry.put_files("r/packages:1", "text/plain", tmp_path, "text/plain")
    assert len(calls) == 2


def test_it_is_tried_five_times_and_then_told(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = answering(monkeypatch, *[COLLISION] * 9)
    with pytest.raises(ToolError, match="BLOB_UNKNOWN"):
        registry.put_document("r/locks:1", "text/plain", "x")
    assert len(calls) == registry.ATTEMPTS


def test_any_other_refusal_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = answering(monkeypatch, "denied [http 403]")
    with pytest.raises(ToolError, match="denied"):
        registry.put_document("r/locks:1", "text/plain", "x")
    assert len(calls) == 1
