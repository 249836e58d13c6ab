"""What a rule says, and how the reader sees it."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum


class Level(StrEnum):
    """Whether a finding refuses the model or only warns."""

    MANDATORY = "mandatory"
    ADVISORY = "advisory"


@dataclass(frozen=True)
class Finding:
    """One rule's objection to one model."""

    rule: str
    level: Level
    message: str
    remediation: str
    value: str | None = None
    threshold: str | None = None


def refusals(findings: Iterable[Finding]) -> list[Finding]:
    """The findings that refuse the model."""
    return [finding for finding in findings if finding.level is Level.MANDATORY]


def as_printed(number: Decimal) -> str:
    """A number with two decimals where that is exact, else with all that it has.

    0.78 and 0.8 read 0.78 and 0.80; 0.8499 is not shortened to the 0.85 that it missed.
    """
    two = number.quantize(Decimal("0.01"))
    return str(two) if two == number else format(number.normalize(), "f")


def failure_text(findings: Iterable[Finding]) -> str:
    """The refusal as the reader sees it: every violation, then what to do about them."""
    found = refusals(findings)
    actions = dict.fromkeys(finding.remediation for finding in found)
    lines = ["❌ Model failed governance check", "", "Violations:"]
    lines += [f"- {finding.message}" for finding in found]
    lines += ["", "Action Required:"]
    lines += [f"{number}. {action}" for number, action in enumerate(actions, start=1)]
    return "\n".join(lines)
