"""Grype: the second opinion on packages, from another database, and the one on named versions."""

import re
import tempfile
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from mlifecycle.exclusive import exclusively
from mlifecycle.process import ToolError, run_tool
from mlifecycle.security.database import current_database, origin_folder
from mlifecycle.security.evidence import Database, Scan, Target, Vulnerability
from mlifecycle.security.scanner_report import (
    SYSTEM_PACKAGES,
    findings,
    json_object,
    require_recent,
)

DATABASE_SECONDS = 300
# A database as an artifact in a registry: one layer, an archive of `vulnerability.db`.
ARTIFACT_TYPE = "application/vnd.mlifecycle.grype.database.v1"
LAYER_TYPE = "application/vnd.mlifecycle.grype.database.layer.v1.tar+gzip"
# Its report does not say how many packages it is about.
_LOOKED_AT = re.compile(r"found \d+ vulnerability match(?:es)? across (\d+) packages")
_SEVERITIES = {"Negligible": "LOW"}


def scan_sbom(sbom: str, *, database: str, cache: Path, timeout: float) -> Scan:
    """Scan the packages of a CycloneDX document.

    Args:
        database: the address of a listing, or an OCI repository.
        timeout: seconds for the scan itself.

    Raises:
        ToolError: Grype is missing, fails, takes too long, or its report is not of a real scan.
    """
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "sbom.json").write_text(sbom)
        return _scan("sbom:sbom.json", "image", Path(name), (database, cache, timeout))


def scan_versions(
    versions: Iterable[str], target: Target, *, database: str, cache: Path, timeout: float
) -> Scan:
    """Scan exact versions, `name==version`, which nobody may be able to install any more.

    Raises:
        ToolError: as `scan_sbom`.
    """
    lines = sorted(set(versions))
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "requirements.txt").write_text("".join(f"{line}\n" for line in lines))
        scan = _scan("dir:.", target, Path(name), (database, cache, timeout))
    if scan.inspected != len(lines):
        raise ToolError(f"grype looked at {scan.inspected} of {len(lines)} packages")
    return scan


def grype_version() -> str:
    """The version that scans.

    Raises:
        ToolError: Grype is missing or answers something else.
    """
    answer = json_object(run_tool(["grype", "version", "-o", "json"], timeout=30), "grype version")
    return str(answer.get("version") or _unsaid("its version"))


def _scan(target: str, kind: Target, folder: Path, settings: tuple[str, Path, float]) -> Scan:
    database, cache, timeout = settings
    prepared = _prepare_database(database, cache)
    # Its author could waive by a configuration in the checkout or at home.
    (folder / "grype.yaml").write_text("{}\n")
    with tempfile.TemporaryDirectory() as name:
        log = Path(name) / "log"
        output = run_tool(
            ["grype", target, "--output", "json", "--verbose", "--config", "grype.yaml"],
            timeout=timeout,
            directory=folder,
            environment=_environment(prepared, update=False),
            log=log,
        )
        looked_at = _LOOKED_AT.findall(log.read_text())
    report = json_object(output, "grype")
    matches, ignored = report.get("matches"), report.get("ignoredMatches")
    if not isinstance(matches, list) or ignored:
        raise ToolError("grype printed a report that this version of mlifecycle cannot read")
    descriptor = _section(report, "descriptor")
    status = _section(_section(descriptor, "db"), "status")
    if status.get("valid") is not True:
        raise ToolError(f"grype has no valid vulnerability database from {database}")
    try:
        updated_at = datetime.fromisoformat(status["built"])
    except (KeyError, TypeError, ValueError):
        _unsaid("how old its database is")
    require_recent(database, updated_at)
    # Without it, no package of the system would match.
    if kind == "image" and not _section(report, "distro").get("name"):
        raise ToolError("grype does not say which operating system it looked at")
    if not looked_at or not int(looked_at[-1]):
        raise ToolError("grype has looked at no package")
    return Scan(
        scanner="grype",
        version=str(descriptor.get("version") or _unsaid("its version")),
        target=kind,
        inspected=int(looked_at[-1]),
        database=Database(origin=database, updated_at=updated_at),
        vulnerabilities=findings(matches, "grype", "a vulnerability", _vulnerability),
    )


def _prepare_database(database: str, cache: Path) -> Path:
    """A folder with the newest database of that origin."""
    if "://" in database:
        # One for each address: Grype keeps the newest that it ever had, whoever gave it.
        folder = origin_folder(database, cache)
        with exclusively(folder):
            environment = {**_environment(folder, update=True), "GRYPE_DB_UPDATE_URL": database}
            run_tool(["grype", "db", "update"], timeout=DATABASE_SECONDS, environment=environment)
        return folder
    with exclusively(cache):
        return current_database(
            database, cache, lambda folder, digest: _import(database, digest, folder)
        )


def _import(database: str, digest: str, folder: Path) -> None:
    artifact = f"{database.rsplit(':', 1)[0]}@{digest}"
    with tempfile.TemporaryDirectory() as name:
        archive = Path(name) / "database.tar.gz"
        fetched = run_tool(
            ["regctl", "artifact", "get", "--output", name, artifact], timeout=DATABASE_SECONDS
        )
        files = [file for file in Path(name).iterdir() if file.is_file()]
        if len(files) != 1:
            raise ToolError(f"{artifact} holds no database of Grype's: {fetched[:100]}")
        files[0].rename(archive)
        run_tool(
            ["grype", "db", "import", archive],
            timeout=DATABASE_SECONDS,
            environment=_environment(folder, update=True),
        )


def _environment(folder: Path, *, update: bool) -> dict[str, str]:
    return {
        "GRYPE_DB_CACHE_DIR": str(folder.absolute()),
        "GRYPE_DB_AUTO_UPDATE": str(update).lower(),
        # `require_recent` judges it, with a message that names the database.
        "GRYPE_DB_VALIDATE_AGE": "false",
        "GRYPE_CHECK_FOR_APP_UPDATE": "false",
    }


def _section(document: dict[str, Any], key: str) -> dict[str, Any]:
    value = document.get(key)
    return value if isinstance(value, dict) else {}


def _unsaid(what: str) -> Any:
    raise ToolError(f"grype does not say {what}")


def _vulnerability(match: dict[str, Any]) -> Vulnerability:
    found, package = match["vulnerability"], match["artifact"]
    names = [found["id"], *(related["id"] for related in match["relatedVulnerabilities"])]
    fixes = found["fix"]["versions"]
    severity = found["severity"]
    estimates = [entry["epss"] for entry in found.get("epss") or ()]
    return Vulnerability(
        id=next((name for name in names if name.startswith("CVE-")), names[0]),
        package=package["name"],
        version=package["version"],
        severity=_SEVERITIES.get(severity, severity.upper()),
        fixed_version=fixes[0] if fixes else None,
        exploited=bool(found.get("knownExploited")),
        exploit_probability=max(estimates, default=None),
        system=(package.get("purl") or "").startswith(SYSTEM_PACKAGES),
    )
