"""What `validate` found, as SARIF 2.1.0 for code scanning."""

import json
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import quote

from mlifecycle.governance.findings import Finding, Level
from mlifecycle.governance.manifest_rules import MANIFEST_RULES
from mlifecycle.report.escape import sarif
from mlifecycle.report.validation import SCHEMA_REMEDY, Validation

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json"


def as_sarif(validation: Validation) -> str:
    """One run; a waived finding is a suppressed result."""
    results = [
        _result(item.file, finding, validation.today)
        for item in validation.judged
        for finding in item.evaluation.findings
    ]
    results += [
        {
            "ruleId": "schema",
            "level": "error",
            "message": {"text": sarif(problem.message)},
            "locations": [_location(problem.file, problem.position.line, problem.position.column)],
        }
        for problem in validation.problems
    ]
    driver = {
        "name": "mlifecycle",
        "rules": [*_rules(), _descriptor("schema", "The manifest's shape", SCHEMA_REMEDY)],
    }
    run = {"tool": {"driver": driver}, "results": results, "columnKind": "unicodeCodePoints"}
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def _rules() -> list[dict[str, Any]]:
    by_id = {rule.id: rule for rule in reversed(MANIFEST_RULES)}
    rules = [
        _descriptor(rule.id, rule.reason, rule.remediation, rule.frameworks)
        for rule in reversed(by_id.values())
    ]
    return [*rules, _descriptor("waiver-ended", "A waiver has ended", "Remove or renew it")]


def _descriptor(
    rule: str, reason: str, remedy: str, frameworks: tuple[str, ...] = ()
) -> dict[str, Any]:
    return {
        "id": rule,
        "shortDescription": {"text": reason},
        "help": {"text": remedy},
        "properties": {"tags": list(frameworks)},
    }


def _result(file: Path, finding: Finding, today: date) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "level": "error" if finding.level is Level.MANDATORY else "warning",
        "message": {"text": sarif(f"{finding.message}. {finding.remediation}")},
        "locations": [_location(file, finding.line or 1)],
    }
    if finding.undecided:
        result["level"] = "note"
    if waiver := finding.waiver:
        result["suppressions"] = [{"kind": "external", "justification": waiver.words(today)}]
    return result


def _location(file: Path, line: int, column: int | None = None) -> dict[str, Any]:
    uri = quote(file.as_posix().encode("utf-8", "surrogateescape"))
    region = {"startLine": line, **({} if column is None else {"startColumn": column})}
    return {"physicalLocation": {"artifactLocation": {"uri": uri}, "region": region}}
