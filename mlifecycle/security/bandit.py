"""Bandit: dangerous constructs in the Python that ships in the image."""

import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from mlifecycle.digests import folder_digest
from mlifecycle.process import ToolError, run_tool
from mlifecycle.security.evidence import Scan, Weakness
from mlifecycle.security.kept_scan import kept_scan
from mlifecycle.security.scanner_report import findings, json_object, written

# Whose messages hold what they found.
PASSWORDS = ("B105", "B106", "B107")
SEVERITIES = ("UNDEFINED", "LOW", "MEDIUM", "HIGH")


def scan_source(folder: Path, cache: Path, *, timeout: float) -> Scan:
    """Look at every module of a folder.

    Args:
        cache: keeps what was found in modules that do not change.

    Raises:
        ToolError: Bandit is missing, fails, takes too long, its report cannot be read, or there is
            a file that it could not parse.
    """
    return kept_scan(
        cache,
        lambda: f"source {folder_digest(folder)} bandit {_version()}",
        lambda: _scan(folder, timeout),
    )


def _scan(folder: Path, timeout: float) -> Scan:
    command: list[str | Path] = [sys.executable, "-m", "bandit"]
    with tempfile.TemporaryDirectory() as name:
        output, settings = Path(name) / "report.json", Path(name) / "bandit.ini"
        settings.write_text("[bandit]\n")
        run_tool(
            [
                *(*command, "--recursive", folder.absolute(), "--format", "json", "--quiet"),
                # Comments and a .bandit file in the folder are the author's own waivers.
                *("--output", output, "--ignore-nosec", "--ini", settings),
                # Else findings and errors are one code.
                "--exit-zero",
            ],
            timeout=timeout,
            directory=Path(name),
        )
        report = json_object(written(output), "bandit")
    errors, totals = report.get("errors"), (report.get("metrics") or {}).get("_totals")
    items = report.get("results")
    if not (isinstance(errors, list) and isinstance(totals, dict) and isinstance(items, list)):
        raise ToolError("bandit printed a report that this version of mlifecycle cannot read")
    if errors:
        raise ToolError(f"bandit could not parse {errors[0]}")
    if not totals.get("loc"):
        raise ToolError(f"bandit saw no line of Python in {folder}")
    counted = sum(totals.get(f"SEVERITY.{severity}", 0) for severity in SEVERITIES)
    if counted != len(items):
        raise ToolError(f"bandit counts {counted} weaknesses and reports {len(items)}")
    return Scan(
        scanner="bandit",
        version=_version(),
        target="source",
        inspected=int(totals["loc"]),
        weaknesses=findings(
            items,
            "bandit",
            "a weakness",
            lambda item: _weakness(item, folder.absolute()),
        ),
    )


def _version() -> str:
    try:
        return version("bandit")
    except PackageNotFoundError as error:
        raise ToolError("bandit is not installed") from error


def _weakness(item: dict[str, Any], folder: Path) -> Weakness:
    return Weakness(
        rule=item["test_id"],
        file=str(Path(item["filename"]).relative_to(folder)),
        line=item["line_number"],
        severity=item["issue_severity"],
        confidence=item["issue_confidence"],
        message="a password" if item["test_id"] in PASSWORDS else item["issue_text"],
    )
