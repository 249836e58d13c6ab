"""Which manifests are held back, and what runs in their place."""

from collections.abc import Iterable
from dataclasses import dataclass

from mlifecycle.ledger.record import Record
from mlifecycle.ledger.store import Ledger


@dataclass(frozen=True)
class Hold:
    """A manifest that failed, and is not released again before it changes.

    Attributes:
        manifest_digest: of it.
        reason: why it failed.
        release: the record of what runs meanwhile; None where nothing did before it.
    """

    manifest_digest: str
    reason: str
    release: Record | None


def holds_of(ledger: Ledger, names: Iterable[str]) -> dict[str, Hold]:
    """The holds that stand, by model.

    Raises:
        RecordError: what is to run is torn, or changed: nobody knows it.
        ToolError: the registry does not answer.
    """
    return {
        name: Hold(record.held, record.reason, ledger.standing(record))
        for name, record in ledger.last_of(names).items()
        if record.held
    }
