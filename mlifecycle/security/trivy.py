"""Trivy: vulnerabilities and secrets in an image, secrets in a folder.

Its exit code says little, so its report is read, and a report that shows no real scan is an error.
"""

import json
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mlifecycle.exclusive import exclusively
from mlifecycle.process import ToolError, run_tool
from mlifecycle.security.evidence import Scan, Secret, Vulnerability

DATABASE_SECONDS = 300
# The vendor publishes every six hours; older than this, a silent mirror is the likelier reason.
DATABASE_MAXIMUM_AGE = timedelta(days=7)
FOLDER_SECRETS = (
    *("filesystem", "--scanners", "secret", "--secret-config"),
    str(Path(__file__).with_name("secret-rules.yaml")),
)
OFFLINE = (
    *(
        "--skip-db-update",
        "--skip-java-db-update",
        "--skip-vex-repo-update",
        "--skip-version-check",
    ),
    *("--disable-telemetry", "--offline-scan", "--no-progress", "--cache-backend", "memory"),
)


def scan_image(layout: Path, *, database: str, cache: Path, timeout: float) -> Scan:
    """Scan an OCI layout with the database of that OCI repository.

    Args:
        timeout: seconds for the scan itself.

    Raises:
        ToolError: Trivy is missing, fails, takes too long, or its report is not of a real scan.
    """
    version, updated_at = _prepare_database(database, cache)
    report = _report(
        ["image", "--input", layout.absolute(), "--scanners", "vuln,secret"], cache, timeout
    )
    family = (report["Metadata"].get("OS") or {}).get("Family")
    packages = _all(report, "Packages")
    if not family or not packages:
        raise ToolError("trivy saw no operating system or no package in the image")
    return Scan(
        scanner="trivy",
        version=version,
        database=database,
        database_updated_at=updated_at,
        packages=len(packages),
        vulnerabilities=tuple(map(_vulnerability, _all(report, "Vulnerabilities"))),
        secrets=_secrets(report),
    )


def scan_folder_for_secrets(folder: Path, *, cache: Path, timeout: float) -> tuple[Secret, ...]:
    """What looks like a credential in the files of a folder, those included that no image gets.

    Raises:
        ToolError: as `scan_image`.
    """
    return _secrets(_report([*FOLDER_SECRETS, folder.absolute()], cache, timeout))


def trivy_version() -> str:
    """The version that scans.

    Raises:
        ToolError: Trivy is missing or answers something else.
    """
    output = run_tool(["trivy", "version", "--format", "json"], timeout=30)
    return _version(_json(output, "trivy version"))


def _prepare_database(database: str, cache: Path) -> tuple[str, datetime]:
    with exclusively(cache):
        run_tool(
            [
                *("trivy", "image", "--download-db-only", "--db-repository", database),
                *("--cache-dir", cache, "--no-progress", "--disable-telemetry"),
                "--skip-version-check",
            ],
            timeout=DATABASE_SECONDS,
        )
        output = run_tool(
            ["trivy", "version", "--format", "json", "--cache-dir", cache], timeout=30
        )
    answer = _json(output, "trivy version")
    try:
        updated_at = datetime.fromisoformat(answer["VulnerabilityDB"]["UpdatedAt"])
    except (KeyError, TypeError, ValueError) as error:
        raise ToolError(f"trivy has no vulnerability database from {database}") from error
    age = datetime.now(UTC) - updated_at
    if age > DATABASE_MAXIMUM_AGE:
        raise ToolError(f"the vulnerability database {database} is {age.days} days old")
    return _version(answer), updated_at


def _report(arguments: list[str | Path], cache: Path, timeout: float) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "report.json"
        run_tool(
            [
                *(
                    "trivy",
                    *arguments,
                    *OFFLINE,
                    "--list-all-pkgs",
                    "--cache-dir",
                    cache.absolute(),
                ),
                *("--format", "json", "--output", output),
            ],
            timeout=timeout,
            # Not in the checkout: a .trivyignore or trivy.yaml there would let its author waive.
            directory=Path(folder),
        )
        text = output.read_text() if output.exists() else ""
    report = _json(text, "trivy")
    # A folder without a finding has no Results at all.
    if report.get("SchemaVersion") != 2 or "ArtifactName" not in report:
        raise ToolError("trivy printed a report that this version of mlifecycle cannot read")
    results = report.get("Results") or []
    if not isinstance(results, list) or not all(isinstance(item, dict) for item in results):
        raise ToolError("trivy printed results that cannot be read")
    return {
        **report,
        "Results": results,
        "Metadata": report.get("Metadata") or {},
    }


def _json(text: str, name: str) -> dict[str, Any]:
    if not text.strip():
        raise ToolError(f"{name} printed nothing")
    try:
        document = json.loads(text)
    except ValueError as error:
        raise ToolError(f"{name} printed half a document: {error}") from error
    if not isinstance(document, dict):
        raise ToolError(f"{name} printed no JSON object")
    return document


def _version(answer: dict[str, Any]) -> str:
    if not isinstance(answer.get("Version"), str):
        raise ToolError("trivy does not say its version")
    return str(answer["Version"])


def _all(report: dict[str, Any], key: str) -> list[dict[str, Any]]:
    return [item for result in report["Results"] for item in result.get(key) or ()]


def _vulnerability(item: dict[str, Any]) -> Vulnerability:
    try:
        return Vulnerability(
            id=item["VulnerabilityID"],
            package=item["PkgName"],
            version=item["InstalledVersion"],
            severity=item["Severity"],
            fixed_version=item.get("FixedVersion") or None,
        )
    except (KeyError, ValidationError) as error:
        raise ToolError(f"trivy printed a vulnerability that cannot be read: {error}") from error


def _secrets(report: dict[str, Any]) -> tuple[Secret, ...]:
    try:
        return tuple(
            Secret(rule=item["RuleID"], file=result["Target"], line=item["StartLine"])
            for result in report["Results"]
            for item in result.get("Secrets") or ()
        )
    except (KeyError, ValidationError) as error:
        raise ToolError(f"trivy printed a secret's place that cannot be read: {error}") from error
