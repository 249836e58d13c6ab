"""Rules about what scanners found: which of it blocks is the governance owner's, by environment."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from packaging.utils import canonicalize_name
from packaging.version import Version

from mlifecycle.dependencies.lock import NO_LOCK, Lock
from mlifecycle.formats import PICKLE
from mlifecycle.governance.rule import Objection, Rule, Terms
from mlifecycle.security.evidence import Scan, Target, Vulnerability, Weakness

SEVERITIES = ("UNKNOWN", "LOW", "MEDIUM", "HIGH", "CRITICAL")
BLOCKING = ("HIGH", "CRITICAL")
# Bandit's, from which a construct is more than a matter of taste.
WORTHY = ("MEDIUM", "HIGH")


@dataclass(frozen=True)
class Scanned:
    """What there is to judge.

    Attributes:
        required: each scanner with the target that it must have looked at.
        lock: what the manifest's dependencies are locked to.
        format_name: the model file's format.
    """

    scans: tuple[Scan, ...]
    required: tuple[tuple[str, Target], ...]
    lock: Lock = NO_LOCK
    format_name: str = ""


def merged(scans: Iterable[Scan]) -> list[Vulnerability]:
    """Each vulnerability of each package once, the worst first: two scanners know more than one."""
    found: dict[tuple[str, str, str], Vulnerability] = {}
    for item in (item for scan in scans for item in scan.vulnerabilities):
        key = (item.id, canonicalize_name(item.package), item.version)
        known = found.setdefault(key, item)
        found[key] = known.model_copy(
            update={
                "severity": max(known.severity, item.severity, key=SEVERITIES.index),
                "fixed_version": known.fixed_version or item.fixed_version,
                "published": known.published or item.published,
                "exploited": known.exploited or item.exploited,
                "exploit_probability": max(
                    known.exploit_probability or 0, item.exploit_probability or 0
                ),
            }
        )
    return sorted(
        found.values(),
        key=lambda item: (-SEVERITIES.index(item.severity), item.id, item.package, item.version),
    )


def _check_complete(scanned: Scanned, _: Terms) -> Iterator[Objection]:
    done = {(scan.scanner, scan.target) for scan in scanned.scans if scan.inspected}
    for scanner, target in scanned.required:
        if (scanner, target) not in done:
            yield Objection(f"{scanner} has not looked at the {target}")


def _check_locked(scanned: Scanned, _: Terms) -> Iterator[Objection]:
    if scanned.lock.problem:
        yield Objection(f"the dependencies cannot be locked: {scanned.lock.problem}")


def _check_denied(scanned: Scanned, terms: Terms) -> Iterator[Objection]:
    """What the manifest itself pins is its own case of the rule."""
    for name, version in scanned.lock.versions.items():
        denied = terms.approved.known_vulnerable.get(name, ())
        if Version(version) in map(Version, denied):
            yield Objection(f"locked dependency {name}=={version} is known to be vulnerable")


def _vulnerabilities(
    chosen: Callable[[Vulnerability, Terms], bool],
) -> Callable[[Scanned, Terms], Iterator[Objection]]:
    """A check that objects to each vulnerability of a kind, as the reader must know it."""

    def check(scanned: Scanned, terms: Terms) -> Iterator[Objection]:
        for item in merged(scanned.scans):
            if chosen(item, terms):
                yield Objection(_words(item), subject=item.id)

    return check


def _words(item: Vulnerability) -> str:
    fix = f"Upgrade to {item.package}>={item.fixed_version}" if item.fixed_version else "none yet"
    if item.system and item.fixed_version:
        fix += ", with mlifecycle lock --base-image"
    lines = [f"{item.id} in {item.package}=={item.version}", f"  Severity: {item.severity}"]
    if item.exploited:
        lines.append("  Exploited in the wild")
    return "\n".join([*lines, f"  Fix: {fix}"])


def _is_fixable(item: Vulnerability, _: Terms) -> bool:
    return item.severity in BLOCKING and item.fixed_version is not None


def _is_unrated(item: Vulnerability, _: Terms) -> bool:
    return item.severity == "UNKNOWN" and item.fixed_version is not None


def _is_exploited(item: Vulnerability, terms: Terms) -> bool:
    probability = Decimal(str(item.exploit_probability or 0))
    return _has_no_fix(item) and (item.exploited or probability >= terms.limit)


def _is_old(item: Vulnerability, terms: Terms) -> bool:
    """Also where nobody knows how old: that must not be the way around."""
    return _has_no_fix(item) and not _is_young(item.published, terms)


def _is_new(item: Vulnerability, terms: Terms) -> bool:
    return _has_no_fix(item) and _is_young(item.published, terms)


def _has_no_fix(item: Vulnerability) -> bool:
    return item.severity in (*BLOCKING, "UNKNOWN") and item.fixed_version is None


def _is_young(published: date | None, terms: Terms) -> bool:
    limit = terms.thresholds["vulnerability-unfixed/old"]
    return published is not None and (terms.context.date - published).days <= limit


def _check_secrets(scanned: Scanned, _: Terms) -> Iterator[Objection]:
    """Where it is, never itself; two scanners may see one."""
    for place in dict.fromkeys(
        f"secret ({secret.rule}) in {secret.file}, line {secret.line}"
        + (f", commit {secret.commit}" if secret.commit else "")
        for scan in scanned.scans
        for secret in scan.secrets
    ):
        yield Objection(place)


def _check_weaknesses(scanned: Scanned, _: Terms) -> Iterator[Objection]:
    for item in _weaknesses(scanned, "source"):
        if item.severity in WORTHY and item.confidence in WORTHY:
            where = f"{item.file}, line {item.line}"
            yield Objection(f"{item.rule} in {where}: {item.message} (severity {item.severity})")


def _check_pickle(scanned: Scanned, _: Terms) -> Iterator[Objection]:
    if scanned.format_name == PICKLE:
        yield Objection(
            "the model file is a pickle, a program that runs when it is loaded",
            subject="model-pickle",
        )


def _check_model_file(scanned: Scanned, _: Terms) -> Iterator[Objection]:
    """Two scanners may see one thing; each of its own words."""
    for message in dict.fromkeys(item.message for item in _weaknesses(scanned, "model")):
        yield Objection(f"the model file is more than a model: {message}")


def _weaknesses(scanned: Scanned, target: Target) -> Iterator[Weakness]:
    for scan in scanned.scans:
        if scan.target == target:
            yield from scan.weaknesses


UPGRADE = "Update requirements.txt"
WAIT = "Change to a base image without it, or have a waiver of the base image approved"
SCAN_RULES: tuple[Rule[Scanned], ...] = (
    Rule(
        "scan-complete",
        "Every scanner has looked",
        _check_complete,
        "What nobody looked at is not clean.",
        "Run the gate again where every scanner is installed",
        ("NIST SSDF PW.8",),
    ),
    Rule(
        "vulnerability-fixable",
        "No vulnerability of severity HIGH or CRITICAL that has a fix",
        _vulnerabilities(_is_fixable),
        "Whoever reads the advisory can use it, and whoever upgrades is rid of it.",
        UPGRADE,
        ("NIST SSDF RV.1", "CIS Kubernetes 1.12: 5.5.1"),
    ),
    Rule(
        "vulnerability-unrated",
        "No vulnerability of unknown severity that has a fix",
        _vulnerabilities(_is_unrated),
        "Nobody has looked yet, so it counts as HIGH where it matters.",
        UPGRADE,
        ("NIST SSDF RV.1",),
    ),
    Rule(
        "vulnerability-exploited",
        "No vulnerability without a fix that is exploited, or with a probability of {threshold}",
        _vulnerabilities(_is_exploited),
        "A fix that is not there protects nobody from those who do not wait for it.",
        WAIT,
        ("NIST SSDF RV.1", "CISA KEV", "FIRST EPSS"),
        has_threshold=True,
    ),
    Rule(
        "vulnerability-unfixed",
        "No vulnerability has been without a fix for more than {threshold} days",
        _vulnerabilities(_is_old),
        "What will never be fixed needs somebody who accepts it by name.",
        WAIT,
        ("NIST SSDF RV.2",),
        case="old",
        has_threshold=True,
    ),
    Rule(
        "vulnerability-unfixed",
        "No vulnerability waits for its fix",
        _vulnerabilities(_is_new),
        "Everybody has it, but nobody should be surprised by it.",
        "Release again when the base image has a fix",
        ("NIST SSDF RV.2",),
        case="new",
    ),
    Rule(
        "dependency-locked",
        "The dependencies can be installed together",
        _check_locked,
        "What cannot be installed cannot be what the model was trained with.",
        "Correct spec.dependencies: one version of each must exist for the base image's Python",
        ("NIST SSDF PW.4",),
    ),
    Rule(
        "dependency-known-vulnerable",
        "No dependency is locked to a version on the deny list",
        _check_denied,
        "A version that was withdrawn or attacked must not come back through a range.",
        "Raise the lower bound in spec.dependencies and renew the lock with mlifecycle lock",
        ("NIST SSDF PW.4",),
        case="locked",
    ),
    Rule(
        "model-pickle",
        "The model file is no pickle",
        _check_pickle,
        "Whoever can write the file can run code wherever it is loaded.",
        "Save the model with skops.io.dump, or export it to ONNX with skl2onnx",
        ("NIST SSDF PW.4", "OWASP ML06"),
    ),
    Rule(
        "model-file-unsafe",
        "A pickle names what a model needs, and nothing else",
        _check_model_file,
        "What else it names is there for its author, not for the prediction.",
        "Train the model again from sources that you know, and save it in another format",
        ("NIST SSDF PW.4", "OWASP ML06"),
    ),
    Rule(
        "secret-found",
        "No secret in image, working tree or history",
        _check_secrets,
        "What has left its vault is known to whoever can read here.",
        "Remove the secret and revoke it: it has left its vault",
        ("NIST SSDF PO.5", "KSV-0109"),
    ),
    Rule(
        "code-weakness",
        "No dangerous construct in the Python that ships",
        _check_weaknesses,
        "A construct that hands control to its input needs no other hole.",
        "Rewrite the construct; its rule is described in Bandit's documentation",
        ("NIST SSDF PW.7",),
    ),
)
