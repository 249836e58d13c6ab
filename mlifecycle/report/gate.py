"""What `mlifecycle scan` found, as text."""

from mlifecycle.gate import Passed
from mlifecycle.report.escape import terminal
from mlifecycle.report.governance import notice_text
from mlifecycle.security.evidence import Scan
from mlifecycle.stack.scanning import GatedModel, GateReport


def gate_text(report: GateReport) -> str:
    """Each model with its digest, who scanned it and what is to be known; refusals in full."""
    blocks = [report.repository] if report.repository else []
    for item in report.models:
        if isinstance(item.outcome, Passed):
            blocks.append(_passed(item, item.outcome, report))
        else:
            blocks.append(item.outcome)
    return terminal("\n\n".join(blocks))


def _passed(item: GatedModel, passed: Passed, report: GateReport) -> str:
    lines = [f"✓ {item.model} {item.version} has passed the gate"]
    lines += [f"  Image: {passed.evidence.image_digest}", f"  Model signature: {item.signature}"]
    lines += [f"  {_scan(scan)}" for scan in passed.evidence.scans]
    for finding in passed.findings:
        lines.append(f"  - {notice_text(finding, report.context.date)}")
    return "\n".join(lines)


def _scan(scan: Scan) -> str:
    words = f"{scan.scanner} {scan.version}: {scan.inspected} packages of the {scan.target}"
    if scan.database:
        words += f", database {scan.database.origin} of {scan.database.updated_at:%Y-%m-%d}"
    return words
