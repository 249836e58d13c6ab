"""The one evaluation: command line, component, gate and policy pack all call this."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, localcontext
from typing import TypeVar

from mlifecycle.governance.context import Context, judged_as
from mlifecycle.governance.findings import EXACT, Finding, Level, refusals, threshold_as_printed
from mlifecycle.governance.governance import Governance
from mlifecycle.governance.levels import Setting
from mlifecycle.governance.manifest_rules import MANIFEST_RULES
from mlifecycle.governance.rule import (
    NotDecided,
    NothingToJudge,
    Objection,
    Path,
    Rule,
    Terms,
    Unreadable,
)
from mlifecycle.manifest.plain import to_plain
from mlifecycle.manifest.schema import Manifest

Subject = TypeVar("Subject")
# What to do about a finding that only says what is not known here.
LATER = "Nothing to do here: it is decided where a stack is asked, by mlifecycle up"
Lines = Mapping[Path, int]


@dataclass(frozen=True)
class Check:
    """One rule asked about one subject.

    Attributes:
        title: what holds when it passes, with the threshold of this environment.
        judged: False when what the rule is about is not there.
    """

    rule: str
    title: str
    findings: tuple[Finding, ...]
    judged: bool = True

    @property
    def passed(self) -> bool:
        """Whether the rule was asked, and has nothing against it."""
        return self.judged and not self.findings


@dataclass(frozen=True)
class Evaluation:
    """All rules asked about one manifest, in their order."""

    checks: tuple[Check, ...]

    @property
    def findings(self) -> list[Finding]:
        """Every finding, in the rules' order."""
        return [finding for check in self.checks for finding in check.findings]

    @property
    def refused(self) -> bool:
        """Whether the model may not be released."""
        return bool(refusals(self.findings))


def evaluate(
    manifest: Manifest,
    environment: str,
    governance: Governance,
    context: Context,
    lines: Lines | None = None,
) -> Evaluation:
    """Every rule asked about one manifest.

    Args:
        environment: such as `production`; `governance` must know it.
        lines: on which line of its file each field stands.
    """
    standing = is_standing(manifest, environment, context)

    def settled(finding: Finding) -> Finding:
        placed = replace(finding, line=_line_of(finding.path, lines or {}))
        if finding.level is not Level.MANDATORY:
            return placed
        if standing:
            return standing_finding(placed)
        return waived(placed, manifest.spec.model.name, manifest.spec.model.version, context)

    checks = [
        replace(check, findings=tuple(map(settled, check.findings)))
        for check in check_all(MANIFEST_RULES, manifest, environment, governance, context)
    ]
    return Evaluation((*checks, *_ended_waivers(manifest, context)))


def check_all(
    rules: Iterable[Rule[Subject]],
    subject: Subject,
    environment: str,
    governance: Governance,
    context: Context,
) -> list[Check]:
    """Each rule asked about one subject; waivers and lines are not put on yet."""
    thresholds = governance.levels.thresholds(environment)
    checks = []
    for rule in rules:
        setting = governance.levels.setting(rule.key, environment)
        terms = Terms(setting.threshold, environment, governance.approved, context, thresholds)
        shown = None if setting.threshold is None else threshold_as_printed(setting.threshold)
        title = rule.title.format(threshold=shown)
        try:
            found = _findings(rule, title, subject, setting, terms)
            checks.append(Check(rule.id, title, found))
        except NothingToJudge:
            checks.append(Check(rule.id, title, (), judged=False))
    return checks


def waived(finding: Finding, model: str, version: str, context: Context) -> Finding:
    """The finding with the waiver that lets it pass, if there is one."""
    for waiver in context.waivers:
        if waiver.names(finding.rule, model, version) and waiver.holds(context.date):
            return replace(finding, waiver=waiver)
    return finding


def standing_finding(finding: Finding) -> Finding:
    """A finding on what runs already: said, and in the way of its next change only."""
    message = f"{finding.message} (standing: what runs is unchanged)"
    return replace(finding, level=Level.ADVISORY, message=message)


def _findings(
    rule: Rule[Subject], title: str, subject: Subject, setting: Setting, terms: Terms
) -> tuple[Finding, ...]:
    objections: list[Objection] = []
    shortcoming: list[Finding] = []
    try:
        # One by one: what was found before something could not be decided stays found.
        with localcontext(EXACT):
            for objection in rule.check(subject, terms):
                objections.append(objection)
    except NothingToJudge:
        raise
    except Unreadable as error:
        # Nobody will know more later, so it must not wait for later.
        shortcoming = [Finding(rule.id, setting.level, f"{title}: {error}", rule.remediation)]
    except NotDecided as undecided:
        message = f"{title}: {undecided}"
        shortcoming = [Finding(rule.id, Level.ADVISORY, message, LATER, undecided=True)]
    except Exception as error:
        # A rule that breaks must not count as passed.
        message = f"rule {rule.key} broke: {type(error).__name__}: {error}"
        remediation = "Report this to the owners of the platform: the rule is at fault"
        shortcoming = [Finding(rule.id, Level.MANDATORY, message, remediation)]
    threshold: Decimal | None = setting.threshold
    found = (
        Finding(
            rule=rule.id,
            level=setting.level,
            message=objection.message,
            remediation=rule.remediation,
            follow_up=rule.follow_up,
            value=objection.value,
            threshold=None if threshold is None else str(threshold),
            subject=objection.subject,
            path=objection.path,
            frameworks=rule.frameworks,
        )
        for objection in objections
    )
    return (*found, *shortcoming)


def _line_of(path: Path, lines: Lines) -> int | None:
    """The line of the nearest field that is there."""
    while path and path not in lines:
        path = path[:-1]
    return lines[path] if path in lines else min(lines.values(), default=None)


def is_standing(manifest: Manifest, environment: str, context: Context) -> bool:
    """Whether the stack runs just this, verified, or has: then a new finding stops its next change.

    A return is no new release. What another environment's levels let pass is new to this one.
    """
    name, plain = manifest.spec.model.name, to_plain(manifest)
    running = (context.running or {}).get(name)
    runs = running is not None and running.environment == environment and running.manifest == plain
    return runs or judged_as(plain, environment) in context.judged.get(name, ())


def _ended_waivers(manifest: Manifest, context: Context) -> tuple[Check, ...]:
    """An ended waiver waives nothing, and its owner should hear of it."""
    name, version = manifest.spec.model.name, manifest.spec.model.version
    return tuple(
        Check(
            "waiver-ended",
            "No waiver has ended",
            (
                Finding(
                    rule="waiver-ended",
                    level=Level.ADVISORY,
                    message=f"the waiver of {waiver.finding} ended on {waiver.expires} "
                    f"({waiver.ticket}, owner {waiver.owner})",
                    remediation="Remove the waiver, or have a new one approved",
                ),
            ),
        )
        for waiver in context.waivers
        if waiver.model == name
        and waiver.version in (None, version)
        and waiver.expires < context.date
    )
