"""The scanner's report is read, not trusted; and what it found decides."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from mlifecycle.governance.context import Context
from mlifecycle.governance.waivers import Waiver
from mlifecycle.process import ToolError
from mlifecycle.security import trivy, verdict
from mlifecycle.security.evidence import (
    Evidence,
    Scan,
    Secret,
    Vulnerability,
    read_evidence,
    write_evidence,
)
from tests.policy.test_evaluation import waiver

NOW = datetime.now(UTC)
IMAGE, BASE = "sha256:" + "0" * 64, "sha256:" + "b" * 64
TORCH = Vulnerability(
    id="CVE-2022-45907",
    package="torch",
    version="1.9.0",
    severity="CRITICAL",
    fixed_version="1.13.1",
)
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
                }
            ],
            "Secrets": [{"RuleID": "aws-access-key-id", "StartLine": 3, "Match": "AKIA..."}],
        }
    ],
}


@pytest.fixture
def fake_trivy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "FakeTrivy":
    """A stand-in on PATH: how Trivy misbehaves can't be provoked with the real one."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return FakeTrivy(tmp_path)


class FakeTrivy:
    """Answers `version`, and writes what a test wants as the report."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.report(json.dumps(GOOD))

    def report(self, text: str, *, updated_at: datetime = NOW, code: int = 0) -> None:
        version = {"Version": "0.74.0", "VulnerabilityDB": {"UpdatedAt": updated_at.isoformat()}}
        (self._folder / "version.json").write_text(json.dumps(version))
        (self._folder / "report.json").write_text(text)
        self.body(
            f"""
            if [ "$1" = version ]; then cat {self._folder}/version.json; exit 0; fi
            while [ $# -gt 0 ]; do
              if [ "$1" = --output ]; then cp {self._folder}/report.json "$2"; fi
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
    )


@pytest.mark.usefixtures("fake_trivy")
def test_findings_are_read_and_a_secret_itself_is_not_kept(tmp_path: Path) -> None:
    result = scan(tmp_path)
    assert result.vulnerabilities[0].fixed_version == "1.13.1"
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


def evidence(*vulnerabilities: Vulnerability, secrets: tuple[Secret, ...] = ()) -> Evidence:
    result = Scan(
        scanner="trivy",
        version="0.74.0",
        database="registry/db:2",
        database_updated_at=NOW,
        packages=1,
        vulnerabilities=vulnerabilities,
        secrets=secrets,
    )
    return Evidence(image_digest="sha256:" + "0" * 64, scans=(result,))


def judged(found: Evidence, *waivers: Waiver) -> verdict.Verdict:
    subject = verdict.Subject("fraud-detector", "2.1.0", f"python:3.11-slim@{BASE}")
    return verdict.judge(found, subject, Context(date=date(2025, 6, 1), waivers=waivers))


@pytest.mark.parametrize(
    ("changes", "holds"),
    [
        ({}, True),
        ({"version": None, "digest": IMAGE}, True),
        ({"version": None, "digest": BASE}, False),
        ({"model": None, "version": None, "base_image": BASE}, True),
        ({"model": None, "version": None, "base_image": IMAGE}, False),
        ({"finding": "CVE-2022-45908"}, False),
        ({"model": "other"}, False),
        ({"version": "2.1.1"}, False),
        ({"expires": date(2025, 5, 31)}, False),
    ],
)
def test_a_waiver_lets_its_own_vulnerability_pass_while_it_holds(
    changes: dict[str, object], holds: bool
) -> None:
    result = judged(evidence(TORCH), waiver(**{"finding": TORCH.id, **changes}))
    assert bool(result.objections) is not holds
    assert bool(result.waived) is holds
    if holds:
        (text,) = result.waived
        assert text.startswith("CVE-2022-45907 in torch==1.9.0 (CRITICAL): waived until 2025-06-30")


def test_an_ended_waiver_is_named_with_what_it_no_longer_lets_pass() -> None:
    item = Vulnerability(
        id="CVE-2022-45907",
        package="torch",
        version="1.9.0",
        severity="CRITICAL",
        fixed_version="1.13.1",
    )
    (text,) = judged(
        evidence(item), waiver(finding="CVE-2022-45907", expires=date(2025, 5, 31))
    ).objections
    assert text.endswith("\n  Its waiver ended on 2025-05-31 (RISK-1, owner ada)")


@pytest.mark.parametrize(
    ("severity", "fixed", "blocks"),
    [
        ("CRITICAL", "1.13.1", True),
        ("HIGH", "1.13.1", True),
        ("MEDIUM", "1.13.1", False),
        ("CRITICAL", None, False),
    ],
)
def test_high_and_critical_with_a_fix_block(severity: str, fixed: str | None, blocks: bool) -> None:
    item = Vulnerability(
        id="CVE-2022-45907",
        package="torch",
        version="1.9.0",
        severity=severity,
        fixed_version=fixed,
    )
    assert bool(judged(evidence(item)).objections) is blocks


def test_the_refusal_reads_as_printed_in_the_workflow() -> None:
    item = Vulnerability(
        id="CVE-2022-45907",
        package="torch",
        version="1.9.0",
        severity="CRITICAL",
        fixed_version="1.13.1",
    )
    assert verdict.failure_text(judged(evidence(item)).objections) == (
        "❌ Security scan failed\n"
        "\n"
        "- CVE-2022-45907 in torch==1.9.0\n"
        "  Severity: CRITICAL\n"
        "  Fix: Upgrade to torch>=1.13.1\n"
        "\n"
        "Action Required:\n"
        "1. Update requirements.txt\n"
        "2. Rebuild container\n"
        "3. Re-submit deployment"
    )


def test_any_secret_blocks_and_names_its_place() -> None:
    secret = Secret(rule="pem", file="app/x.py", line=2)
    found = judged(evidence(secrets=(secret,)), waiver(finding="CVE-2024-1234")).objections
    assert found == ("secret (pem) in app/x.py, line 2",)
    assert verdict.failure_text(found).endswith(
        "Action Required:\n"
        "1. Remove the secret and revoke it: it has left its vault\n"
        "2. Re-submit deployment"
    )


def test_evidence_is_read_back_and_a_broken_file_is_none(tmp_path: Path) -> None:
    file = tmp_path / "gate" / "evidence.json"
    write_evidence(evidence(), file)
    assert read_evidence(file) == evidence()
    file.write_text(file.read_text()[:-10])
    assert read_evidence(file) is None
    assert read_evidence(tmp_path / "none") is None
