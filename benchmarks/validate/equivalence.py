"""Whether both judge alike: the same manifests refused, and each for the same rules."""

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Verdict:
    """What one tool says of one manifest: rules by their ids, as often as it may have named one."""

    refusing: frozenset[str]
    warning: frozenset[str]

    def __str__(self) -> str:
        return f"refused by {sorted(self.refusing)}, warned of {sorted(self.warning)}"


class NotEquivalent(Exception):
    """The two do not judge alike, so their times are not of the same work."""


def compare(ours: Mapping[str, Verdict], theirs: Mapping[str, Verdict]) -> int:
    """How many manifests both refuse.

    Raises:
        NotEquivalent: they differ about a manifest; the message names each.
    """
    if problems := list(_differences(ours, theirs)):
        raise NotEquivalent("\n".join(problems))
    return sum(bool(verdict.refusing) for verdict in ours.values())


def _differences(ours: Mapping[str, Verdict], theirs: Mapping[str, Verdict]) -> Iterator[str]:
    for name in sorted(ours.keys() | theirs.keys()):
        if ours.get(name) != theirs.get(name):
            yield f"{name}: mlifecycle: {ours.get(name)}; conftest: {theirs.get(name)}"


def mlifecycle_verdicts(command: Sequence[str], folder: Path) -> dict[str, Verdict]:
    """What `mlifecycle validate --format json` says, by the files' names."""
    return {
        Path(item["file"]).name: Verdict(
            frozenset(_rules(item["findings"], "mandatory")),
            frozenset(_rules(item["findings"], "advisory")),
        )
        for item in _output(command, folder)["manifests"]
    }


def conftest_verdicts(command: Sequence[str], folder: Path) -> dict[str, Verdict]:
    """What `conftest test --output json` says, by the files' names."""
    return {
        Path(item["filename"]).name: Verdict(
            frozenset(_ids(item.get("failures", ()))), frozenset(_ids(item.get("warnings", ())))
        )
        for item in _output(command, folder)
    }


def _rules(findings: Sequence[Mapping[str, Any]], level: str) -> Iterator[str]:
    return (finding["rule"] for finding in findings if finding["level"] == level)


def _ids(messages: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    return (message["msg"].partition(":")[0] for message in messages)


def _output(command: Sequence[str], folder: Path) -> Any:
    # A refusal is an exit code of both; output that is no JSON is neither's.
    return json.loads(
        subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, check=False).stdout
    )
