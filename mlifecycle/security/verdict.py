"""Whether evidence lets an image pass, with today's waivers."""

from dataclasses import dataclass
from datetime import date

from mlifecycle.governance.context import Context
from mlifecycle.governance.waivers import Waiver
from mlifecycle.security.evidence import Evidence, Vulnerability

BLOCKING = ("CRITICAL", "HIGH")


@dataclass(frozen=True)
class Subject:
    """What a waiver may name: a release, its image, or the base that it is built on.

    Attributes:
        base_image: by digest, `name@sha256:...`.
    """

    model: str
    version: str
    base_image: str


@dataclass(frozen=True)
class Verdict:
    """Why an image may not be released, one text each, and what a waiver lets pass."""

    objections: tuple[str, ...]
    waived: tuple[str, ...]


def judge(evidence: Evidence, subject: Subject, context: Context) -> Verdict:
    """A CRITICAL or HIGH vulnerability that has a fix blocks; a secret does, waiver or not."""
    objections: dict[str, None] = {}
    waived: dict[str, None] = {}
    if not evidence.scans:
        objections["no scanner has looked at the image"] = None
    for scan in evidence.scans:
        for item in scan.vulnerabilities:
            if item.severity in BLOCKING and item.fixed_version:
                waivers = _waivers(item, evidence.image_digest, subject, context)
                holding = [waiver for waiver in waivers if waiver.holds(context.date)]
                if holding:
                    name = f"{item.id} in {item.package}=={item.version} ({item.severity})"
                    waived[f"{name}: {holding[0].words(context.date)}"] = None
                else:
                    objections[_vulnerability(item, waivers, context.date)] = None
        for secret in scan.secrets:
            objections[f"secret ({secret.rule}) in {secret.file}, line {secret.line}"] = None
    return Verdict(tuple(objections), tuple(waived))


def failure_text(objections: tuple[str, ...]) -> str:
    """The refusal as the reader sees it."""
    secrets = [line for line in objections if line.startswith("secret")]
    actions = ["Remove the secret and revoke it: it has left its vault"] if secrets else []
    if len(secrets) < len(objections):
        actions += ["Update requirements.txt", "Rebuild container"]
    actions.append("Re-submit deployment")
    lines = ["❌ Security scan failed", "", *(f"- {line}" for line in objections)]
    lines += ["", "Action Required:"]
    lines += [f"{number}. {action}" for number, action in enumerate(actions, start=1)]
    return "\n".join(lines)


def _waivers(
    item: Vulnerability, image_digest: str, subject: Subject, context: Context
) -> list[Waiver]:
    """Those that speak of this finding of this release, whether they hold or not."""
    base_digest = subject.base_image.partition("@")[2]

    def speaks(waiver: Waiver) -> bool:
        if waiver.base_image is not None:
            return waiver.base_image == base_digest
        return (
            waiver.model == subject.model
            and waiver.version in (None, subject.version)
            and waiver.digest in (None, image_digest)
        )

    return [waiver for waiver in context.waivers if waiver.finding == item.id and speaks(waiver)]


def _vulnerability(item: Vulnerability, waivers: list[Waiver], today: date) -> str:
    lines = [
        f"{item.id} in {item.package}=={item.version}",
        f"  Severity: {item.severity}",
        f"  Fix: Upgrade to {item.package}>={item.fixed_version}",
    ]
    lines += [
        f"  Its waiver ended on {waiver.expires} ({waiver.ticket}, owner {waiver.owner})"
        for waiver in waivers
        if waiver.expires < today
    ]
    return "\n".join(lines)
