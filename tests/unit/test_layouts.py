"""Layouts of images are kept for a day, their evidence for good."""

import os
import time
from pathlib import Path

from mlifecycle.security.image_scan import LAYOUT_SECONDS, prune_layouts


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
