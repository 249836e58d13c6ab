"""Pickles: programs, which two scanners read here and nothing runs.

What a pickle may name is the list by which the server unpickles it, and no more.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from mlifecycle.process import run_tool
from mlifecycle.security.evidence import Scan, Weakness
from mlifecycle.security.scanner_report import findings, json_object

# A pickle of a large forest is a program of millions of instructions.
SCAN_SECONDS = 120
SCANNERS = ("picklescan", "fickling")


def scan_pickle(content: bytes) -> tuple[Scan, ...]:
    """What each scanner finds in a pickle; that it is one is another's finding.

    Raises:
        ToolError: a scanner is missing, fails, takes too long, or its report cannot be read.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.pkl"
        file.write_bytes(content)
        return tuple(_scan(scanner, file) for scanner in SCANNERS)


def _scan(scanner: str, file: Path) -> Scan:
    # In a process of its own: what it reads is hostile, and may keep it busy for ever.
    module = "mlifecycle.security.model_files.pickle_scanners"
    text = run_tool([sys.executable, "-m", module, scanner, file], timeout=SCAN_SECONDS)
    report = json_object(text, scanner)
    return Scan(
        scanner=scanner,
        version=str(report.get("version")),
        target="model",
        inspected=int(report.get("inspected") or 0),
        weaknesses=findings(report.get("findings") or (), scanner, "a finding", _weakness),
    )


def _weakness(item: dict[str, Any]) -> Weakness:
    return Weakness(
        rule=item["rule"],
        file="model.pkl",
        line=item["position"],
        severity="HIGH",
        confidence="HIGH",
        message=json.dumps(item["message"])[1:-1][:300],
    )
