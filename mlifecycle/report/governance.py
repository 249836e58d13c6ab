"""Findings as a reader sees them: the refusal, the checks, the warnings."""

from collections.abc import Iterable
from datetime import date

from mlifecycle.governance.evaluation import Evaluation
from mlifecycle.governance.findings import Finding, Level, refusals
from mlifecycle.governance.waivers import Waiver
from mlifecycle.report.escape import line, terminal


def failure_text(findings: Iterable[Finding]) -> str:
    """The refusal: every violation, then what to do about them."""
    found = refusals(findings)
    actions = [finding.remediation for finding in found]
    actions += [finding.follow_up for finding in found if finding.follow_up]
    lines = ["❌ Model failed governance check", "", "Violations:"]
    lines += [f"- {line(finding.message)}" for finding in found]
    lines += ["", "Action Required:"]
    lines += [f"{number}. {action}" for number, action in enumerate(dict.fromkeys(actions), 1)]
    return terminal("\n".join(lines))


def refusal_text(model: str, file: str, findings: Iterable[Finding]) -> str:
    """The refusal of one model among others: whose it is, where it stands, and by which rules."""
    found = refusals(findings)
    heading = [line(f"{model} ({file})"), *(f"  {place(finding)}" for finding in found)]
    return "\n".join([*heading, failure_text(found)])


def evaluation_text(evaluation: Evaluation, today: date) -> str:
    """Each check, ✓ or ❌, then the refusal if there is one, warnings and waivers."""
    lines = []
    for check in evaluation.checks:
        if refusals(check.findings):
            places = "; ".join(map(place, refusals(check.findings)))
            lines.append(f"❌ {check.title} [{places}]")
        elif check.passed:
            lines.append(f"✓ {check.title}")
        elif any(finding.waiver for finding in check.findings):
            lines.append(f"✓ {check.title} (waived)")
        elif any(not finding.undecided for finding in check.findings):
            lines.append(f"⚠ {check.title}")
    if evaluation.refused:
        lines += ["", failure_text(evaluation.findings)]
    lines += _section("Warnings:", map(advice_text, warnings(evaluation.findings)))
    lines += _section("Not decided here:", map(advice_text, undecided(evaluation.findings)))
    lines += _section(
        "Waived:",
        (waived_text(f, f.waiver, today) for f in evaluation.findings if f.waiver),
    )
    return terminal("\n".join(lines))


def place(finding: Finding) -> str:
    """The rule, to look up or to waive, and where its finding stands in the file."""
    return finding.rule + (f", line {finding.line}" if finding.line else "")


def warnings(findings: Iterable[Finding]) -> list[Finding]:
    """What is said and refuses nothing."""
    return [f for f in findings if f.level is Level.ADVISORY and not f.undecided]


def undecided(findings: Iterable[Finding]) -> list[Finding]:
    """What no rule could decide here; it is decided where more is known."""
    return [finding for finding in findings if finding.undecided]


def advice_text(finding: Finding) -> str:
    """One advisory with its remedy, rule and line; what is not decided here needs no remedy."""
    words = finding.message if finding.undecided else f"{finding.message}. {finding.remediation}"
    return f"{_on_one_line(words)} [{place(finding)}]"


def waived_text(finding: Finding, waiver: Waiver, today: date) -> str:
    """What a waiver lets pass, by whose word, how long still, and which rule it is of."""
    return f"{_on_one_line(finding.message)}: {waiver.words(today)} [{place(finding)}]"


def notice_text(finding: Finding, today: date) -> str:
    """What is said and refuses nothing: a piece of advice, or what a waiver lets pass."""
    return waived_text(finding, finding.waiver, today) if finding.waiver else advice_text(finding)


def _on_one_line(words: str) -> str:
    """A vulnerability's details stand on lines of their own in a refusal only."""
    return line(words.replace("\n  ", ", "))


def _section(title: str, items: Iterable[str]) -> list[str]:
    lines = [f"- {item}" for item in items]
    return ["", title, *lines] if lines else []
