"""What was scanned, by what, and what was found.

It holds findings, never a verdict: a verdict is computed from it in every run.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

Severity = Literal["UNKNOWN", "LOW", "MEDIUM", "HIGH", "CRITICAL"]
# What a scan looked at: the image, exact versions that the manifest names, the lock of what it
# names, the model file, our working tree, its history, and the Python that ships.
Target = Literal["image", "pins", "lock", "model", "tree", "history", "source"]


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Vulnerability(_Record):
    """One known vulnerability of one package.

    Attributes:
        id: the CVE where there is one; waivers name it.
        fixed_version: None while there is no fix.
        published: when it became known; None where the database does not say.
        exploited: whether it is in a catalogue of those exploited in the wild (KEV).
        exploit_probability: within 30 days, from 0 to 1 (EPSS); None where nobody estimated it.
        system: whether it is a package of the base image's operating system.
    """

    id: str
    package: str
    version: str
    severity: Severity
    fixed_version: str | None
    published: date | None = None
    exploited: bool = False
    exploit_probability: float | None = None
    system: bool = False


class Secret(_Record):
    """Something that looks like a credential: where it is and which rule says so, never itself."""

    rule: str
    file: str
    line: int
    commit: str = ""


class Weakness(_Record):
    """A dangerous construct in source code."""

    rule: str
    file: str
    line: int
    severity: Literal["UNDEFINED", "LOW", "MEDIUM", "HIGH"]
    confidence: Literal["UNDEFINED", "LOW", "MEDIUM", "HIGH"]
    message: str


class Database(_Record):
    """A vulnerability database: where it came from and how old it is."""

    origin: str
    updated_at: datetime


class Scan(_Record):
    """One scanner's run over one target.

    Attributes:
        inspected: packages, bytes, lines or commits that it looked at; never 0.
        finished_at: when it had looked.
    """

    scanner: str
    version: str
    target: Target
    inspected: int
    finished_at: datetime = Field(default_factory=lambda: datetime.now(UTC))
    database: Database | None = None
    vulnerabilities: tuple[Vulnerability, ...] = ()
    secrets: tuple[Secret, ...] = ()
    weaknesses: tuple[Weakness, ...] = ()


class Scans(_Record):
    """The scans of one thing, such as a runtime that many models share."""

    scans: tuple[Scan, ...]


class Evidence(Scans):
    """The scans of one image.

    Attributes:
        build: 64 hex digits over all that the image is made of.
        sbom: its packages as a CycloneDX document.
    """

    image_digest: str
    build: str
    sbom: str

    @property
    def scanned_by(self) -> str:
        """What looked at the image: scanners, with versions and where their databases are from."""
        return scanner_names(
            (scan.scanner, scan.version, scan.database.origin if scan.database else "")
            for scan in self.scans
            if scan.target == "image"
        )


def scanner_names(scanners: Iterable[tuple[str, str, str]]) -> str:
    """Each scanner with its version and its database's origin, in one text."""
    return ", ".join(sorted({" ".join(scanner) for scanner in scanners}))


Kind = TypeVar("Kind", bound=Scans)


def read_scans(kind: type[Kind], file: Path) -> Kind | None:
    """Those of an earlier run; None when there are none or they cannot be read."""
    try:
        return kind.model_validate_json(file.read_bytes())
    except (OSError, ValidationError):
        return None
