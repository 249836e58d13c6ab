"""What this machine keeps of a scan is read back whole, or it is none."""

from pathlib import Path

from mlifecycle.exclusive import write_whole
from mlifecycle.security.evidence import Evidence, Scan, read_scans


def test_evidence_is_read_back_and_a_broken_file_is_none(tmp_path: Path) -> None:
    scan_ = Scan(scanner="trivy", version="0.74.0", target="image", inspected=1)
    evidence = Evidence(image_digest="sha256:" + "0" * 64, build="", scans=(scan_,), sbom="{}")
    file = tmp_path / "gate" / "evidence.json"
    write_whole(file, evidence.model_dump_json(indent=2))
    assert read_scans(Evidence, file) == evidence
    file.write_text(file.read_text()[:-10])
    assert read_scans(Evidence, file) is None
    assert read_scans(Evidence, tmp_path / "none") is None
