"""What `validate` found, as text and as JSON."""

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from mlifecycle.governance.evaluation import Evaluation
from mlifecycle.governance.findings import Finding
from mlifecycle.manifest.loading import Problem
from mlifecycle.report.escape import line, terminal
from mlifecycle.report.governance import evaluation_text


@dataclass(frozen=True)
class Judged:
    """One manifest that passes the schema, and what the rules say of it."""

    file: Path
    line: int
    model: str
    version: str
    evaluation: Evaluation


@dataclass(frozen=True)
class Validation:
    """All of one call.

    Attributes:
        environment: as the caller named it.
    """

    environment: str
    today: date
    judged: tuple[Judged, ...]
    problems: tuple[Problem, ...]

    @property
    def exit_code(self) -> int:
        """0 all may be deployed, 1 a rule refuses one, 2 one can't be read or breaks the schema."""
        if self.problems:
            return 2
        return int(any(item.evaluation.refused for item in self.judged))


def as_text(validation: Validation) -> str:
    """For a terminal: each manifest with its checks, then the files that are none."""
    blocks = [
        f"{line(str(item.file))}:{item.line}: {item.model} {item.version}"
        f" ({validation.environment})\n"
        f"{evaluation_text(item.evaluation, validation.today)}"
        for item in validation.judged
    ]
    if validation.problems:
        blocks.append("\n".join(f"❌ {line(str(problem))}" for problem in validation.problems))
    return terminal("\n\n".join(blocks))


def as_json(validation: Validation) -> str:
    """For programs; a schema error is a finding of rule `schema`."""
    manifests: list[dict[str, Any]] = [
        {
            "file": str(item.file),
            "model": item.model,
            "version": item.version,
            "environment": validation.environment,
            "verdict": "refused" if item.evaluation.refused else "passed",
            "findings": [
                finding_as_json(finding, validation.today) for finding in item.evaluation.findings
            ],
        }
        for item in validation.judged
    ]
    by_file: dict[Path, list[Problem]] = {}
    for problem in validation.problems:
        by_file.setdefault(problem.file, []).append(problem)
    manifests += [
        {
            "file": str(file),
            "model": None,
            "version": None,
            "environment": validation.environment,
            "verdict": "refused",
            "findings": [_problem(problem) for problem in problems],
        }
        for file, problems in by_file.items()
    ]
    # Surrogates of a file's undecodable name can't be printed as they are.
    return json.dumps({"manifests": manifests}, indent=2, ensure_ascii=True)


def finding_as_json(finding: Finding, today: date) -> dict[str, Any]:
    """The keys that programs rely on."""
    waiver = finding.waiver
    return {
        "rule": finding.rule,
        "level": finding.level.value,
        "message": finding.message,
        "value": finding.value,
        "threshold": finding.threshold,
        "line": finding.line,
        "remediation": finding.remediation,
        "waiver": waiver
        and {
            **waiver.model_dump(mode="json", exclude_none=True),
            "days_left": waiver.days_left(today),
        },
    }


def _problem(problem: Problem) -> dict[str, Any]:
    return {
        "rule": "schema",
        "level": "mandatory",
        "message": problem.message,
        "value": None,
        "threshold": None,
        "line": problem.position.line,
        "remediation": SCHEMA_REMEDY,
        "waiver": None,
        "path": ".".join(map(str, problem.path)),
    }


SCHEMA_REMEDY = "Correct the manifest; schemas/model-deployment.schema.json describes every field"
