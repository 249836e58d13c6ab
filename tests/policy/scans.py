"""What the tests of the scans' rules share: scans, and how they are judged."""

from datetime import UTC, date, datetime

from mlifecycle.dependencies.lock import NO_LOCK, Lock
from mlifecycle.governance.context import Context
from mlifecycle.governance.findings import Finding
from mlifecycle.governance.governance import load_governance
from mlifecycle.governance.waivers import Waiver
from mlifecycle.security import verdict
from mlifecycle.security.evidence import (
    Database,
    Scan,
    Secret,
    Severity,
    Target,
    Vulnerability,
    Weakness,
)
from mlifecycle.security.rules import Scanned

NOW, TODAY = datetime.now(UTC), date(2025, 6, 1)
IMAGE, BASE = "sha256:" + "0" * 64, "sha256:" + "b" * 64
TORCH = Vulnerability(
    id="CVE-2022-45907",
    package="torch",
    version="1.9.0",
    severity="CRITICAL",
    fixed_version="1.13.1",
)


def scan(
    *vulnerabilities: Vulnerability,
    secrets: tuple[Secret, ...] = (),
    weaknesses: tuple[Weakness, ...] = (),
    target: Target = "image",
) -> Scan:
    return Scan(
        scanner="trivy",
        version="0.74.0",
        target=target,
        inspected=1,
        database=Database(origin="registry/db:2", updated_at=NOW),
        vulnerabilities=vulnerabilities,
        secrets=secrets,
        weaknesses=weaknesses,
    )


def judged(
    *scans: Scan,
    waivers: tuple[Waiver, ...] = (),
    stage: str = "production",
    lock: Lock = NO_LOCK,
    format_name: str = "onnx",
) -> list[Finding]:
    release = verdict.Release("fraud-detector", "2.1.0", IMAGE, f"python:3.11-slim@{BASE}")
    context = Context(date=TODAY, waivers=waivers)
    scanned = Scanned(scans, (("trivy", "image"),), lock, format_name)
    return verdict.judge(scanned, release, stage, load_governance(), context)


def rules(found: list[Finding]) -> list[tuple[str, bool]]:
    return [(finding.rule, finding.refuses) for finding in found]


def vulnerability(severity: Severity, fixed: str | None, **fields: object) -> Vulnerability:
    document = {**TORCH.model_dump(), "severity": severity, "fixed_version": fixed, **fields}
    return Vulnerability.model_validate(document)
