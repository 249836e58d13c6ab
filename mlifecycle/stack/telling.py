"""Telling what the ledger records, and what is still to be told: the ledger is the outbox."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mlifecycle.channels import send
from mlifecycle.ledger.record import Record, RecordError
from mlifecycle.ledger.store import Ledger
from mlifecycle.stack.recording import record_of
from mlifecycle.stack.settings import StackSettings


@dataclass(frozen=True)
class Owed:
    """A record that is still to be told.

    Attributes:
        channels: those that have not taken it.
    """

    record: Record
    channels: tuple[str, ...]


def owed(ledger: Ledger) -> list[Owed]:
    """All that is still to be told, the oldest first.

    Raises:
        ToolError: the registry does not answer.
    """
    left: dict[str, tuple[str, ...]] = {}
    found = []
    for tag in reversed(ledger.tags()):
        try:
            record = ledger.record(tag)
        except RecordError:
            continue
        if record.kind == "notice":
            left.setdefault(record.to, record.tell)
            if record.settled:
                break
        elif record.notice and (channels := left.get(tag, record.tell)):
            found.append(Owed(record, channels))
    return found[::-1]


def tell(ledger: Ledger, settings: StackSettings, root: Path) -> list[Owed]:
    """Tell all that is still to be told; what is left of it.

    At least once: who is killed between sending and recording has it sent again, with the same id.

    Raises:
        ToolError: the registry does not answer.
    """
    if not settings.notify_channels:
        return []
    left: list[Owed] = []
    waiting = owed(ledger)
    models = tuple(sorted(ledger.last())) if waiting else ()
    for number, item in enumerate(waiting, start=1):
        failed = _send(item, settings)
        if failed:
            left.append(Owed(item.record, failed))
        if failed != item.channels:
            ledger.append(
                record_of(
                    *("notice", ledger.stack, item.record.model, root),
                    models=models,
                    version=item.record.version,
                    to=item.record.tag,
                    tell=failed,
                    settled=number == len(waiting) and not left,
                )
            )
    return left


def outstanding(left: Iterable[Owed]) -> list[str]:
    """What is still to be told, in words."""
    return [
        f"notice of {item.record.kind} {item.record.version} to {', '.join(item.channels)}"
        for item in left
    ]


def _send(item: Owed, settings: StackSettings) -> tuple[str, ...]:
    """The channels that do not take it; one that the stack knows no more needs no telling."""
    title, _, body = item.record.notice.partition("\n")
    text = f"{body}\n\nId: {item.record.tag[:22]}"
    known = [name for name in item.channels if name in settings.notify_channels]
    return tuple(name for name in known if not send(settings.notify_channels[name], title, text))
