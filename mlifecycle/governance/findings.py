"""What a rule says about one subject, and the numbers in it as the reader sees them."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Context, Decimal
from enum import StrEnum

from mlifecycle.governance.rule import Path
from mlifecycle.governance.waivers import Waiver
from mlifecycle.manifest.nodes import MAXIMUM_DIGITS

# Enough for a number as long as a manifest may write one, and for sums of two: nothing is rounded.
EXACT = Context(prec=4 * MAXIMUM_DIGITS)
LARGE = Decimal(10) ** MAXIMUM_DIGITS


class Level(StrEnum):
    """Whether a finding refuses the model or only warns."""

    MANDATORY = "mandatory"
    ADVISORY = "advisory"


@dataclass(frozen=True)
class Finding:
    """One rule's objection, with all that a reader needs to act on it.

    Attributes:
        subject: which object it is about; empty for a manifest's own.
        path: where in the document, as far as it exists there.
        line: where in the file; None where there is no file.
        frameworks: what the rule serves.
        waiver: what lets a mandatory finding pass, until when, and by whom.
        undecided: the rule could not know; the message says what it lacks.
    """

    rule: str
    level: Level
    message: str
    remediation: str
    follow_up: str = ""
    value: str | None = None
    threshold: str | None = None
    subject: str = ""
    path: Path = ()
    line: int | None = None
    frameworks: tuple[str, ...] = ()
    waiver: Waiver | None = None
    undecided: bool = False

    @property
    def refuses(self) -> bool:
        """Whether it stops a release."""
        return self.level is Level.MANDATORY and self.waiver is None


def refusals(findings: Iterable[Finding]) -> list[Finding]:
    """The findings that refuse."""
    return [finding for finding in findings if finding.refuses]


def as_printed(number: Decimal) -> str:
    """A number with two decimals where that is exact, else with all that it has.

    0.78 and 0.8 read 0.78 and 0.80; 0.8499 is not shortened to the 0.85 that it missed.
    """
    # Larger ones, and those of hundreds of digits, can't be quantized: they read as written.
    if number.copy_abs() >= LARGE or number.adjusted() < -MAXIMUM_DIGITS:
        return str(number)
    two = number.quantize(Decimal("0.01"), context=EXACT)
    return str(two) if two == number else format(number.normalize(EXACT), "f")


def threshold_as_printed(number: Decimal) -> str:
    """A count as a whole number, anything else as `as_printed`."""
    exponent = number.as_tuple().exponent
    return str(number) if isinstance(exponent, int) and exponent >= 0 else as_printed(number)
