"""Trivy: its report is read, not trusted, and each way in which it can lie is an error."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from mlifecycle.process import ToolError
from mlifecycle.security import trivy
from mlifecycle.security.evidence import Scan, Secret
from tests.unit.scanners.stand_ins import FakeTool

NOW = datetime.now(UTC)


GOOD = {
    "SchemaVersion": 2,
    "ArtifactName": "layout",
    "Metadata": {"OS": {"Family": "debian"}},
    "Results": [
        {
            "Target": "Python",
            "Packages": [{"Name": "torch"}],
            "Vulnerabilities": [
                {
                    "VulnerabilityID": "CVE-2022-45907",
                    "PkgName": "torch",
                    "InstalledVersion": "1.9.0",
                    "FixedVersion": "1.13.1",
                    "Severity": "CRITICAL",
                    "PublishedDate": "2022-11-26T02:15:10.15Z",
                }
            ],
            "Secrets": [{"RuleID": "aws-access-key-id", "StartLine": 3, "Match": "AKIA..."}],
        }
    ],
}


@pytest.fixture
def fake_trivy(tools: Path) -> "FakeTrivy":
    FakeTool(tools, "regctl").body(f"echo sha256:{'0' * 64}")
    return FakeTrivy(tools)


class FakeTrivy:
    """Answers `version`, and writes what a test wants as the report."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.report(json.dumps(GOOD))

    def report(self, text: str, *, updated_at: datetime = NOW, code: int = 0) -> None:
        version = {"Version": "0.74.0", "VulnerabilityDB": {"UpdatedAt": updated_at.isoformat()}}
        (self._folder / "version.json").write_text(json.dumps(version))
        (self._folder / "report.json").write_text(text)
        (self._folder / "sbom.json").write_text(json.dumps({"components": [{"name": "torch"}]}))
        self.body(
            f"""
            if [ "$1" = version ]; then cat {self._folder}/version.json; exit 0; fi
            while [ $# -gt 0 ]; do
              if [ "$1" = convert ]; then report={self._folder}/sbom.json; fi
              if [ "$1" = --output ]; then cp "${{report:-{self._folder}/report.json}}" "$2"; fi
              shift
            done
            exit {code}"""
        )

    def body(self, text: str) -> None:
        file = self._folder / "trivy"
        file.write_text(f"#!/bin/sh\n{text}\n")
        file.chmod(0o755)


def scan(tmp_path: Path) -> Scan:
    return trivy.scan_image(
        tmp_path, database="registry/db:2", cache=tmp_path / "cache", timeout=10
    ).scan


@pytest.mark.usefixtures("fake_trivy")
def test_findings_are_read_and_a_secret_itself_is_not_kept(tmp_path: Path) -> None:
    result = scan(tmp_path)
    assert result.vulnerabilities[0].fixed_version == "1.13.1"
    assert result.vulnerabilities[0].published == date(2022, 11, 26)
    assert result.secrets == (Secret(rule="aws-access-key-id", file="Python", line=3),)
    assert "AKIA" not in result.model_dump_json()


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        ("", "trivy printed nothing"),
        ("  \n", "trivy printed nothing"),
        (json.dumps(GOOD)[:-30], "trivy printed half a document"),
        ("[]", "trivy printed no JSON object"),
        ("{}", "cannot read"),
        (json.dumps({**GOOD, "SchemaVersion": 3}), "cannot read"),
        (json.dumps({**GOOD, "Metadata": {}}), "saw no operating system"),
        (json.dumps({**GOOD, "Results": None}), "saw no operating system or no package"),
        (json.dumps({**GOOD, "Results": [{"Target": "x"}]}), "no package"),
        (json.dumps({**GOOD, "Results": [None]}), "results that cannot be read"),
        (json.dumps({**GOOD, "Results": {}}), "no package"),
        (json.dumps({**GOOD, "Results": "x"}), "results that cannot be read"),
        (json.dumps(GOOD).replace("PkgName", "Name"), "a vulnerability that cannot be read"),
        (json.dumps(GOOD).replace("CRITICAL", "DIRE"), "a vulnerability that cannot be read"),
        (json.dumps(GOOD).replace("StartLine", "Line"), "a secret's place that cannot be read"),
    ],
)
def test_a_report_of_no_real_scan_is_an_error(
    fake_trivy: FakeTrivy, tmp_path: Path, report: str, expected: str
) -> None:
    fake_trivy.report(report)
    with pytest.raises(ToolError, match=expected):
        scan(tmp_path)


def test_an_old_database_is_an_error(fake_trivy: FakeTrivy, tmp_path: Path) -> None:
    fake_trivy.report(json.dumps(GOOD), updated_at=NOW - timedelta(days=8))
    with pytest.raises(ToolError, match="is 8 days old"):
        scan(tmp_path)


def test_a_database_of_unknown_age_is_an_error(fake_trivy: FakeTrivy, tmp_path: Path) -> None:
    fake_trivy.body('echo \'{"Version": "0.74.0"}\'')
    with pytest.raises(ToolError, match="no vulnerability database"):
        scan(tmp_path)


@pytest.mark.parametrize("answer", ["{}", '{"Version": 7}', "[]", ""])
def test_a_scanner_that_does_not_say_its_version_is_an_error(
    fake_trivy: FakeTrivy, answer: str
) -> None:
    fake_trivy.body(f"echo '{answer}'")
    with pytest.raises(ToolError, match="trivy"):
        trivy.trivy_version()


def test_a_failing_scanner_is_an_error(fake_trivy: FakeTrivy, tmp_path: Path) -> None:
    fake_trivy.report(json.dumps(GOOD), code=1)
    with pytest.raises(ToolError, match="trivy failed with exit code 1"):
        scan(tmp_path)
