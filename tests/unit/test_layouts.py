"""What a gate keeps: layouts and shared scans for a day, evidence for good."""

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mlifecycle.security import grype, image_scan
from mlifecycle.security.evidence import Scan, Target
from mlifecycle.security.image_scan import LAYOUT_SECONDS, SHARED_AGE, Scanners, prune_layouts


def test_a_layout_of_an_earlier_day_is_removed_and_its_evidence_is_not(tmp_path: Path) -> None:
    for name, age in (("old", LAYOUT_SECONDS + 60), ("new", LAYOUT_SECONDS - 60)):
        layout = tmp_path / "gate" / name / "layout"
        layout.mkdir(parents=True)
        (layout / "index.json").touch()
        (layout.parent / "evidence.json").touch()
        os.utime(layout / "index.json", (time.time() - age,) * 2)
    prune_layouts(tmp_path)
    found = {str(path.relative_to(tmp_path / "gate")) for path in tmp_path.rglob("*.json")}
    assert found == {"old/evidence.json", "new/evidence.json", "new/layout/index.json"}
    prune_layouts(tmp_path / "nothing")


def test_a_scan_is_shared_for_a_day_and_then_made_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made: list[Scan] = []

    def scan(versions: object, target: Target, **_: object) -> Scan:
        age = timedelta(0) if made else SHARED_AGE + timedelta(minutes=1)
        finished = datetime.now(UTC) - age
        item = Scan(scanner="grype", version="1", target=target, inspected=1, finished_at=finished)
        made.append(item)
        return item

    monkeypatch.setattr(grype, "scan_versions", scan)
    monkeypatch.setattr(image_scan, "used", lambda _: "grype 1 x")
    scanners = Scanners("b", "r", None, "t", "g", 1, tmp_path, tmp_path)
    for _ in range(3):
        assert image_scan.scan_versions(["a==1"], "pins", scanners) == (made[-1],)
    assert len(made) == 2
