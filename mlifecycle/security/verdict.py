"""Whether what was scanned may be released, by today's levels and waivers."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date

from mlifecycle.governance.context import Context
from mlifecycle.governance.evaluation import check_all
from mlifecycle.governance.findings import Finding, Level, refusals
from mlifecycle.governance.governance import Governance
from mlifecycle.governance.waivers import Waiver
from mlifecycle.report.escape import terminal
from mlifecycle.security.evidence import Scan
from mlifecycle.security.rules import SCAN_RULES, Scanned, merged

REBUILD = ("Rebuild container", "Re-submit deployment")


@dataclass(frozen=True)
class Release:
    """What a waiver may name: a release, its image, or the base that it is built on.

    Attributes:
        base_image: by digest, `name@sha256:...`.
    """

    model: str
    version: str
    image_digest: str
    base_image: str


def judge(
    scanned: Scanned,
    release: Release,
    environment: str,
    governance: Governance,
    context: Context,
) -> list[Finding]:
    """Every finding of the scan rules, in their order, with the waivers that let some pass."""
    checks = check_all(SCAN_RULES, scanned, environment, governance, context)
    # What is not, or not only, a package of the system did not come with the base image.
    own = {item.id for item in merged(scanned.scans) if not item.system}
    return [
        _settled(finding, _waivers(finding.subject, release, context, own), context.date)
        for check in checks
        for finding in check.findings
    ]


def failure_text(findings: Iterable[Finding], scans: Iterable[Scan]) -> str:
    """The refusal as the reader sees it: what to do about vulnerabilities first, and by which
    databases.
    """
    found = refusals(findings)
    remedies = [finding.remediation for finding in found]
    vulnerable = [finding.remediation for finding in found if finding.subject]
    actions = [vulnerable[0], *REBUILD, *remedies] if vulnerable else [*remedies, REBUILD[-1]]
    lines = ["❌ Security scan failed", "", *(f"- {finding.message}" for finding in found)]
    lines += ["", "Action Required:"]
    lines += [f"{number}. {action}" for number, action in enumerate(dict.fromkeys(actions), 1)]
    if vulnerable and (known := databases(scans)):
        lines += ["", f"Databases: {known}"]
    return terminal("\n".join(lines))


def databases(scans: Iterable[Scan]) -> str:
    """Each database that was asked, its origin and its day; empty where none was."""
    asked = {
        f"{scan.scanner}'s from {scan.database.origin} of {scan.database.updated_at:%Y-%m-%d}"
        for scan in scans
        if scan.database
    }
    return ", ".join(sorted(asked))


def _settled(finding: Finding, waivers: list[Waiver], today: date) -> Finding:
    if finding.level is not Level.MANDATORY or not finding.subject:
        return finding
    for waiver in waivers:
        if waiver.holds(today):
            return replace(finding, waiver=waiver)
    return replace(finding, message=finding.message + _ended(waivers, today))


def _waivers(vulnerability: str, release: Release, context: Context, own: set[str]) -> list[Waiver]:
    """Those that speak of this finding of this release, whether they hold or not."""
    base_digest = release.base_image.partition("@")[2]

    def speaks(waiver: Waiver) -> bool:
        if waiver.base_image is not None:
            return waiver.base_image == base_digest and vulnerability not in own
        return (
            waiver.model == release.model
            and waiver.version in (None, release.version)
            and waiver.digest in (None, release.image_digest)
        )

    return [item for item in context.waivers if item.finding == vulnerability and speaks(item)]


def _ended(waivers: Iterable[Waiver], today: date) -> str:
    return "".join(
        f"\n  Its waiver ended on {waiver.expires} ({waiver.ticket}, owner {waiver.owner})"
        for waiver in waivers
        if waiver.expires < today
    )
