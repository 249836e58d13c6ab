"""What a rule is: one check with its id, its words and its reason; its level is data elsewhere."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Generic, TypeVar

from mlifecycle.governance.approved import Approved
from mlifecycle.governance.context import Context

Subject = TypeVar("Subject")
# A place in a document, such as ("spec", "metrics", "accuracy").
Path = tuple[str | int, ...]


class NotDecided(Exception):
    """A rule lacks what it needs to decide; the message says what. Never a pass."""


class Unreadable(NotDecided):
    """What is judged has not the shape that the rule reads: it will not pass later either."""


class NothingToJudge(Exception):
    """What the rule is about is not there, and another rule says whether it must be."""


@dataclass(frozen=True)
class Objection:
    """What a rule found, before the owner's level is put on it.

    Attributes:
        message: one line, in the reader's words, without a full stop.
        value: what was found, where it is one value.
        path: where in the document, as far as it exists there.
        subject: which of the objects, where a rule looks at several.
    """

    message: str
    value: str | None = None
    path: Path = ()
    subject: str = ""


@dataclass(frozen=True)
class Terms:
    """What a rule may look at beside its subject.

    Attributes:
        threshold: the owner's number for this rule and environment; None where it needs none.
        environment: such as `production`, to look up lists that differ by it.
        thresholds: of the other rules, by their keys, for a rule that begins where one ends.
    """

    threshold: Decimal | None
    environment: str
    approved: Approved
    context: Context
    thresholds: Mapping[str, Decimal] = field(default_factory=dict)

    @property
    def limit(self) -> Decimal:
        """The threshold of a rule that has one; `check_governance` has made sure of it."""
        if self.threshold is None:
            raise LookupError("a rule without a threshold asks for one")
        return self.threshold


@dataclass(frozen=True)
class Rule(Generic[Subject]):
    """One rule, or one of several cases that share an id.

    Attributes:
        id: stable; findings, waivers and `levels.yaml` name it.
        title: what holds when it passes; `{threshold}` stands for the owner's number.
        check: yields objections; raises NotDecided when it cannot know, and
            NothingToJudge when what it is about is not there.
        reason: why the rule exists, one sentence.
        remediation: what the reader can do, one sentence in the imperative.
        follow_up: the step after it, which rules may share; it is printed once, at the end.
        frameworks: what it serves, such as `NIST AI RMF MEASURE 2.11`.
        case: distinguishes rules of one id that have levels of their own.
        has_threshold: whether `levels.yaml` must give a number.
    """

    id: str
    title: str
    check: Callable[[Subject, Terms], Iterator[Objection]]
    reason: str
    remediation: str
    frameworks: tuple[str, ...] = ()
    follow_up: str = ""
    case: str = ""
    has_threshold: bool = False

    @property
    def key(self) -> str:
        """Its name in `levels.yaml`: the id, and the case if there are several."""
        return f"{self.id}/{self.case}" if self.case else self.id
