"""What was scanned, by what, and what was found: a record bound to one image digest.

It holds findings, never a verdict: a verdict is computed from it in every run.
"""

from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

Severity = Literal["UNKNOWN", "LOW", "MEDIUM", "HIGH", "CRITICAL"]


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Vulnerability(_Record):
    """One known vulnerability of one package; `fixed_version` is None while there is no fix."""

    id: str
    package: str
    version: str
    severity: Severity
    fixed_version: str | None


class Secret(_Record):
    """Something that looks like a credential: where it is and which rule says so, never itself."""

    rule: str
    file: str
    line: int


class Scan(_Record):
    """One scanner's run: its version, its database and that one's age, and its findings."""

    scanner: str
    version: str
    database: str
    database_updated_at: datetime
    packages: int
    vulnerabilities: tuple[Vulnerability, ...]
    secrets: tuple[Secret, ...]


class Evidence(_Record):
    """The scans of one image."""

    image_digest: str
    scans: tuple[Scan, ...]


def write_evidence(evidence: Evidence, file: Path) -> None:
    """Write it whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(".partial")
    partial.write_text(evidence.model_dump_json(indent=2))
    partial.rename(file)


def read_evidence(file: Path) -> Evidence | None:
    """The evidence of an earlier run; None when there is none or it cannot be read."""
    try:
        return Evidence.model_validate_json(file.read_bytes())
    except (OSError, ValidationError):
        return None
