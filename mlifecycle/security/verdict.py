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
from mlifecycle.security.rules import SCAN_RULES, Scanned

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
    return [_settled(finding, release, context) for check in checks for finding in check.findings]


def failure_text(findings: Iterable[Finding]) -> str:
    """The refusal as the reader sees it: what to do about vulnerabilities first."""
    found = refusals(findings)
    remedies = [finding.remediation for finding in found]
    vulnerable = [finding.remediation for finding in found if finding.subject]
    actions = [vulnerable[0], *REBUILD, *remedies] if vulnerable else [*remedies, REBUILD[-1]]
    lines = ["❌ Security scan failed", "", *(f"- {finding.message}" for finding in found)]
    lines += ["", "Action Required:"]
    lines += [f"{number}. {action}" for number, action in enumerate(dict.fromkeys(actions), 1)]
    return terminal("\n".join(lines))


def _settled(finding: Finding, release: Release, context: Context) -> Finding:
    if finding.level is not Level.MANDATORY or not finding.subject:
        return finding
    waivers = _waivers(finding.subject, release, context)
    for waiver in waivers:
        if waiver.holds(context.date):
            return replace(finding, waiver=waiver)
    return replace(finding, message=finding.message + _ended(waivers, context.date))


def _waivers(vulnerability: str, release: Release, context: Context) -> list[Waiver]:
    """Those that speak of this finding of this release, whether they hold or not."""
    base_digest = release.base_image.partition("@")[2]

    def speaks(waiver: Waiver) -> bool:
        if waiver.base_image is not None:
            return waiver.base_image == base_digest
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
