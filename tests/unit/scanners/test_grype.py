"""Grype: its report is read, not trusted, and each way in which it can lie is an error."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mlifecycle.process import ToolError
from mlifecycle.security import grype
from mlifecycle.security.evidence import Scan
from tests.unit.scanners.stand_ins import FakeTool

NOW = datetime.now(UTC)


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
