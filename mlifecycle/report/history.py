"""The ledger's records as lines."""

from collections.abc import Iterable, Sequence

from mlifecycle.ledger.record import Record
from mlifecycle.report.escape import line


def history_text(records: Sequence[Record]) -> str:
    """A line for each record: place, time, what, model, version, digest, commit, who and why."""
    return "\n".join(map(_line, records)) or "nothing was released yet"


def problems_text(problems: Iterable[str]) -> str:
    """What is wrong with the ledger, and what that means."""
    return "\n".join(
        [
            "error: the ledger is not as it was written:",
            *(f"- {line(problem)}" for problem in problems),
            "Who may write to the registry can have changed it. Restore it from a backup, or see"
            " what was changed in the registry's own log.",
        ]
    )


def _line(record: Record) -> str:
    digest = record.image.partition("@sha256:")[2][:12]
    words = [
        f"{record.sequence:>5}",
        record.at,
        f"{record.kind:<8}",
        f"{record.model} {record.version}".strip(),
        digest,
        record.commit[:12] + ("+" if record.commit.endswith("+") else ""),
        record.by,
        record.reason,
    ]
    return line("  ".join(filter(None, words)))
