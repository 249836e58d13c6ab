"""A scanner's report is read, not trusted: each way in which one can lie is an error."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mlifecycle.exclusive import write_whole
from mlifecycle.process import ToolError
from mlifecycle.security import gitleaks, grype, trivy
from mlifecycle.security.evidence import Evidence, Scan, Secret, read_scans

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
def fake_trivy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "FakeTrivy":
    """A stand-in on PATH: how Trivy misbehaves can't be provoked with the real one."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    FakeTool(tmp_path, "regctl").body(f"echo sha256:{'0' * 64}")
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


class FakeTool:
    """Another scanner's stand-in on PATH."""

    def __init__(self, folder: Path, name: str) -> None:
        self._file = folder / name

    def body(self, text: str) -> None:
        self._file.write_text(f"#!/bin/sh\n{text}\n")
        self._file.chmod(0o755)


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path


MATCH = {
    "vulnerability": {
        "id": "GHSA-47fc-vmwq-366v",
        "severity": "Critical",
        "fix": {"versions": ["1.13.1"], "state": "fixed"},
        "epss": [{"cve": "CVE-2022-45907", "epss": 0.42}],
        "knownExploited": [{"cve": "CVE-2022-45907"}],
    },
    "relatedVulnerabilities": [{"id": "CVE-2022-45907"}],
    "artifact": {"name": "torch", "version": "1.9.0"},
}


STATUS = {"valid": True, "built": NOW.isoformat()}


GRYPE: dict[str, Any] = {
    "matches": [MATCH],
    "descriptor": {"version": "0.115.0", "db": {"status": STATUS}},
}


GRYPE_SAYS = "[0001]  INFO found 1 vulnerability matches across 1 packages"


def scan_versions(folder: Path, report: str, said: str = GRYPE_SAYS) -> Scan:
    (folder / "grype.json").write_text(report)
    FakeTool(folder, "grype").body(f"echo '{said}' >&2; cat {folder}/grype.json")
    FakeTool(folder, "regctl").body(
        f'if [ "$1" = image ]; then echo sha256:{"0" * 64}; else touch "$4/db.tar.gz"; fi'
    )
    cache = folder / "cache"
    return grype.scan_versions(
        ["torch==1.9.0"], "pins", database="registry/db:6", cache=cache, timeout=10
    )


def test_grypes_findings_are_named_by_the_cve(tools: Path) -> None:
    (found,) = scan_versions(tools, json.dumps(GRYPE)).vulnerabilities
    assert (found.id, found.severity, found.fixed_version) == (
        "CVE-2022-45907",
        "CRITICAL",
        "1.13.1",
    )
    assert (found.exploited, found.exploit_probability) == (True, 0.42)


@pytest.mark.parametrize(
    ("severity", "expected"), [("Negligible", "LOW"), ("Unknown", "UNKNOWN"), ("Low", "LOW")]
)
def test_grypes_severities_are_read(tools: Path, severity: str, expected: str) -> None:
    match = {**MATCH, "vulnerability": {**MATCH["vulnerability"], "severity": severity}}
    (found,) = scan_versions(tools, json.dumps({**GRYPE, "matches": [match]})).vulnerabilities
    assert found.severity == expected


def grype_with(**status: object) -> str:
    database = {"status": {**STATUS, **status}}
    return json.dumps({**GRYPE, "descriptor": {"version": "0.115.0", "db": database}})


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        ("", "grype printed nothing"),
        (json.dumps(GRYPE)[:-9], "grype printed half a document"),
        ("[]", "grype printed no JSON object"),
        ("{}", "cannot read"),
        (json.dumps({**GRYPE, "matches": None}), "cannot read"),
        (json.dumps({**GRYPE, "ignoredMatches": [MATCH]}), "cannot read"),
        (json.dumps({**GRYPE, "matches": [{}]}), "a vulnerability that cannot be read"),
        (json.dumps({**GRYPE, "matches": [None]}), "a vulnerability that cannot be read"),
        (json.dumps(GRYPE).replace("Critical", "Dire"), "a vulnerability that cannot be read"),
        (json.dumps({**GRYPE, "descriptor": None}), "no valid vulnerability database"),
        (grype_with(valid=False), "no valid vulnerability database"),
        (grype_with(built=None), "does not say how old"),
        (grype_with(built=(NOW - timedelta(days=8)).isoformat()), "is 8 days old"),
        (json.dumps(GRYPE).replace("0.115.0", ""), "does not say its version"),
    ],
)
def test_a_report_of_grype_that_is_no_real_scan_is_an_error(
    tools: Path, report: str, expected: str
) -> None:
    with pytest.raises(ToolError, match=expected):
        scan_versions(tools, report)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("", "has looked at no package"),
        (GRYPE_SAYS.replace("1 packages", "0 packages"), "has looked at no package"),
        (GRYPE_SAYS.replace("1 packages", "2 packages"), "looked at 2 of 1 packages"),
    ],
)
def test_grype_says_how_much_it_has_looked_at(tools: Path, said: str, expected: str) -> None:
    with pytest.raises(ToolError, match=expected):
        scan_versions(tools, json.dumps(GRYPE), said)


LEAK = {"RuleID": "aws-access-token", "File": ".env", "StartLine": 3, "Commit": "a" * 40}


GITLEAKS_SAYS = "2:35AM INF scanned ~6 bytes (6 bytes) in 8.09ms"


def leaks(folder: Path, report: str, code: int = 42, said: str = GITLEAKS_SAYS) -> Scan:
    (folder / "leaks.json").write_text(report, errors="surrogateescape")
    FakeTool(folder, "gitleaks").body(
        f"""
        if [ "$1" = version ]; then echo 8.30.1; exit 0; fi
        echo '{said}' >&2
        while [ $# -gt 0 ]; do
          if [ "$1" = --report-path ]; then cp {folder}/leaks.json "$2"; fi
          shift
        done
        exit {code}"""
    )
    return gitleaks.scan_tree(folder, folder / ".mlifecycle", timeout=10)


def test_a_leaks_place_is_read(tools: Path) -> None:
    assert leaks(tools, json.dumps([{**LEAK, "Secret": "AKIA..."}])).secrets == (
        Secret(rule="aws-access-token", file=".env", line=3, commit="a" * 12),
    )
    assert leaks(tools, "[]", code=0).secrets == ()


@pytest.mark.parametrize(
    ("report", "code", "expected"),
    [
        ("", 0, "gitleaks printed nothing"),
        ("[{", 42, "half a document"),
        ("{}", 0, "cannot read"),
        ("[{}]", 42, "a secret's place that cannot be read"),
        ("[]", 1, "gitleaks failed with exit code 1"),
        ("[]", 126, "gitleaks failed with exit code 126"),
    ],
)
def test_a_report_of_gitleaks_that_is_none_is_an_error(
    tools: Path, report: str, code: int, expected: str
) -> None:
    with pytest.raises(ToolError, match=expected):
        leaks(tools, report, code)


def test_a_report_that_is_cut_off_within_a_character_is_half_a_document(tools: Path) -> None:
    report = json.dumps([{**LEAK, "File": "\u00e9"}], ensure_ascii=False).encode()
    cut = report[: report.index("\u00e9".encode()) + 1]
    with pytest.raises(ToolError, match="gitleaks printed half a document"):
        leaks(tools, cut.decode(errors="surrogateescape"))


@pytest.mark.parametrize("said", ["", "INF scanned ~0 bytes (0) in 4.14ms"])
def test_gitleaks_says_how_much_it_has_looked_at(tools: Path, said: str) -> None:
    with pytest.raises(ToolError, match="gitleaks has looked at nothing"):
        leaks(tools, "[]", 0, said)


def test_evidence_is_read_back_and_a_broken_file_is_none(tmp_path: Path) -> None:
    scan_ = Scan(scanner="trivy", version="0.74.0", target="image", inspected=1)
    evidence = Evidence(image_digest="sha256:" + "0" * 64, build="", scans=(scan_,), sbom="{}")
    file = tmp_path / "gate" / "evidence.json"
    write_whole(file, evidence.model_dump_json(indent=2))
    assert read_scans(Evidence, file) == evidence
    file.write_text(file.read_text()[:-10])
    assert read_scans(Evidence, file) is None
    assert read_scans(Evidence, tmp_path / "none") is None
