"""Trivy: vulnerabilities and secrets in an image, and what the image is made of.

Its exit code says little, so its report is read, and a report that shows no real scan is an error.
"""

import math
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from mlifecycle.exclusive import exclusively
from mlifecycle.process import ToolError, run_tool
from mlifecycle.security.database import current_database
from mlifecycle.security.evidence import Database, Scan, Secret, Vulnerability
from mlifecycle.security.scanner_report import (
    SYSTEM_PACKAGES,
    findings,
    json_object,
    require_recent,
    written,
)

DATABASE_SECONDS = 300
CONVERT_SECONDS = 60
QUIET = ("--no-progress", "--disable-telemetry", "--skip-version-check")
OFFLINE = (
    *("--skip-db-update", "--skip-java-db-update", "--skip-vex-repo-update", "--offline-scan"),
    *("--cache-backend", "memory", *QUIET),
)


@dataclass(frozen=True)
class ImageScan:
    """What Trivy found in an image, and its packages as a CycloneDX document."""

    scan: Scan
    sbom: str


def scan_image(layout: Path, *, database: str, cache: Path, timeout: float) -> ImageScan:
    """Scan an OCI layout with the database of that OCI repository.

    Args:
        timeout: seconds for the scan itself.

    Raises:
        ToolError: Trivy is missing, fails, takes too long, or its report is not of a real scan.
    """
    prepared, version, updated_at = _prepare_database(database, cache)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run_tool(
            [
                *("trivy", "image", "--input", layout.absolute(), "--scanners", "vuln,secret"),
                *("--list-all-pkgs", "--cache-dir", prepared.absolute(), *OFFLINE),
                *("--format", "json", "--output", folder / "report.json"),
                # Its own limit, five minutes, would come first; ours tells what was slow.
                *("--timeout", f"{math.ceil(timeout) + 60}s"),
            ],
            timeout=timeout,
            # Not in the checkout: a .trivyignore or trivy.yaml there would let its author waive.
            directory=folder,
        )
        report = _read(folder / "report.json")
        sbom = folder / "sbom.json"
        run_tool(
            ["trivy", "convert", "--format", "cyclonedx", "--output", sbom, "report.json"],
            timeout=CONVERT_SECONDS,
            directory=folder,
        )
        document = json_object(written(sbom), "trivy convert")
        if not document.get("components"):
            raise ToolError("trivy wrote a list of components without any")
        return ImageScan(
            Scan(
                scanner="trivy",
                version=version,
                target="image",
                inspected=len(_all(report, "Packages")),
                database=Database(origin=database, updated_at=updated_at),
                vulnerabilities=findings(
                    _all(report, "Vulnerabilities"), "trivy", "a vulnerability", _vulnerability
                ),
                secrets=_secrets(report),
            ),
            sbom.read_text(),
        )


def trivy_version() -> str:
    """The version that scans.

    Raises:
        ToolError: Trivy is missing or answers something else.
    """
    output = run_tool(["trivy", "version", "--format", "json"], timeout=30)
    return _version(json_object(output, "trivy version"))


def _prepare_database(database: str, cache: Path) -> tuple[Path, str, datetime]:
    def fetch(folder: Path, _digest: str) -> None:
        run_tool(
            [
                *("trivy", "image", "--download-db-only", "--db-repository", database),
                *("--cache-dir", folder, *QUIET),
            ],
            timeout=DATABASE_SECONDS,
        )

    with exclusively(cache):
        # Trivy itself would keep what it has until that one's next update is due.
        folder = current_database(database, cache, fetch)
        output = run_tool(
            ["trivy", "version", "--format", "json", "--cache-dir", folder], timeout=30
        )
    answer = json_object(output, "trivy version")
    try:
        updated_at = datetime.fromisoformat(answer["VulnerabilityDB"]["UpdatedAt"])
    except (KeyError, TypeError, ValueError) as error:
        raise ToolError(f"trivy has no vulnerability database from {database}") from error
    require_recent(database, updated_at)
    return folder, _version(answer), updated_at


def _read(file: Path) -> dict[str, Any]:
    report = json_object(written(file), "trivy")
    if report.get("SchemaVersion") != 2 or "ArtifactName" not in report:
        raise ToolError("trivy printed a report that this version of mlifecycle cannot read")
    results = report.get("Results") or []
    if not isinstance(results, list) or not all(isinstance(item, dict) for item in results):
        raise ToolError("trivy printed results that cannot be read")
    report = {**report, "Results": results}
    family = ((report.get("Metadata") or {}).get("OS") or {}).get("Family")
    if not family or not _all(report, "Packages"):
        raise ToolError("trivy saw no operating system or no package in the image")
    return report


def _version(answer: dict[str, Any]) -> str:
    if not isinstance(answer.get("Version"), str):
        raise ToolError("trivy does not say its version")
    return str(answer["Version"])


def _all(report: dict[str, Any], key: str) -> list[dict[str, Any]]:
    return [item for result in report["Results"] for item in result.get(key) or ()]


def _vulnerability(item: dict[str, Any]) -> Vulnerability:
    published = item.get("PublishedDate")
    return Vulnerability(
        id=item["VulnerabilityID"],
        package=item["PkgName"],
        version=item["InstalledVersion"],
        severity=item["Severity"],
        fixed_version=item.get("FixedVersion") or None,
        published=datetime.fromisoformat(published).date() if published else None,
        system=item.get("PkgIdentifier", {}).get("PURL", "").startswith(SYSTEM_PACKAGES),
    )


def _secrets(report: dict[str, Any]) -> tuple[Secret, ...]:
    found = [(result, item) for result in report["Results"] for item in result.get("Secrets") or ()]
    return findings(
        found,
        "trivy",
        "a secret's place",
        lambda pair: Secret(
            rule=pair[1]["RuleID"], file=pair[0]["Target"], line=pair[1]["StartLine"]
        ),
    )
