"""What a gate keeps: layouts and scans for a day, evidence for what runs as it is."""

import hashlib
import json
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mlifecycle.exclusive import write_whole
from mlifecycle.security import grype, image_scan
from mlifecycle.security.evidence import Evidence, Scan, Target
from mlifecycle.security.image_scan import SHARED_AGE, Scanners
from mlifecycle.security.layouts import LAYOUT_SECONDS, keep_layers, lend_layers, prune_layouts
from tests.unit.test_names import INPUTS


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


@pytest.mark.parametrize(
    ("hours", "of_any_age", "expected"),
    [
        # Since this machine looked, and since the registry's evidence was made.
        ((0, None), False, "kept"),
        ((30, None), True, "kept"),
        ((30, None), False, "made"),
        ((30, 0), False, "stored"),
        ((30, 30), False, "made"),
        ((None, 30), True, "stored"),
        ((None, 30), False, "made"),
    ],
)
def test_what_changes_is_judged_by_what_scanners_know_today(
    hours: tuple[int | None, int | None],
    of_any_age: bool,
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """What is old is looked at again, here or in the registry, but for what runs as it is."""

    def evidence(name: str, age: int | None) -> Evidence | None:
        if age is None:
            return None
        finished = datetime.now(UTC) - timedelta(hours=age)
        one = Scan(scanner="trivy", version="1", target="image", inspected=1, finished_at=finished)
        return Evidence(image_digest=name, build=INPUTS.digest(), scans=(one,), sbom="{}")

    monkeypatch.setattr(image_scan, "_folder", lambda *_: tmp_path)
    monkeypatch.setattr(image_scan, "_stored", lambda *_: evidence("stored", hours[1]))
    monkeypatch.setattr(image_scan, "_made", lambda *_: evidence("made", 0))
    if old := evidence("kept", hours[0]):
        write_whole(tmp_path / "evidence.json", old.model_dump_json())
    scanners: Any = None
    result = image_scan.evidence_of(INPUTS, scanners, of_any_age=of_any_age)
    assert result.image_digest == expected
    again = image_scan.evidence_of(INPUTS, scanners, of_any_age=True)
    assert again.image_digest == expected


def test_evidence_of_another_build_is_none_of_this(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    scan = Scan(scanner="trivy", version="1", target="image", inspected=1)
    other = Evidence(image_digest="other", build="0" * 64, scans=(scan,), sbom="{}")
    made = other.model_copy(update={"image_digest": "made", "build": INPUTS.digest()})
    monkeypatch.setattr(image_scan, "_folder", lambda *_: tmp_path)
    monkeypatch.setattr(image_scan, "_stored", lambda *_: None)
    monkeypatch.setattr(image_scan, "_made", lambda *_: made)
    write_whole(tmp_path / "evidence.json", other.model_dump_json())
    scanners: Any = None
    assert image_scan.evidence_of(INPUTS, scanners, of_any_age=True) == made


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


def layout_with(folder: Path, layers: list[bytes]) -> Path:
    """An OCI layout of one image with those layers, and nothing else."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def put(content: bytes) -> str:
        name = hashlib.sha256(content).hexdigest()
        (blobs / name).write_bytes(content)
        return f"sha256:{name}"

    image = put(json.dumps({"layers": [{"digest": put(layer)} for layer in layers]}).encode())
    (folder / "index.json").write_text(json.dumps({"manifests": [{"digest": image}]}))
    return folder


def lent(kept: Path, folder: Path) -> list[bytes]:
    lend_layers(kept, folder)
    return sorted(file.read_bytes() for file in (folder / "blobs" / "sha256").iterdir())


def test_what_images_have_in_common_is_lent_if_it_is_what_its_name_says(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    assert lent(kept, tmp_path / "first") == []
    keep_layers(layout_with(tmp_path / "made", [b"base", b"packages", b"release"]), kept)
    keep_layers(layout_with(tmp_path / "again", [b"base", b"packages", b"other"]), kept)
    assert lent(kept, tmp_path / "second") == [b"base", b"packages"]
    (kept / hashlib.sha256(b"base").hexdigest()).write_bytes(b"damaged")
    assert lent(kept, tmp_path / "third") == [b"packages"]
    assert len(list(kept.iterdir())) == 1


def test_lent_layers_of_an_earlier_day_are_removed(tmp_path: Path) -> None:
    for name, age in (("old", LAYOUT_SECONDS + 60), ("new", LAYOUT_SECONDS - 60)):
        keep_layers(layout_with(tmp_path / name, [b"base", b"release"]), tmp_path / "layers" / name)
        os.utime(tmp_path / "layers" / name, (time.time() - age,) * 2)
    prune_layouts(tmp_path)
    assert [path.name for path in (tmp_path / "layers").iterdir()] == ["new"]
