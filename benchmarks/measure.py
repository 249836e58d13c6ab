"""What the benchmarks share: commands measured in turn, and a table of what was measured."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TypeVar

LAUNCHER = Path(__file__).with_name("launch.py")
Sample = TypeVar("Sample")


@dataclass(frozen=True)
class Run:
    """One command's wall time and the most memory that it held."""

    seconds: float
    peak_mib: float


class CommandFailed(Exception):
    """A measured command did not do its work, so its time means nothing."""


def measure(command: Sequence[str], folder: Path, allowed: Sequence[int] = (0,)) -> Run:
    """Run a command in a fresh process.

    Args:
        command: its first item is the path of the program.
        allowed: exit codes that mean that the work was done.

    Raises:
        CommandFailed: it ended with another one.
    """
    launched = subprocess.run(
        [sys.executable, "-I", "-S", str(LAUNCHER), *command],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    outcome = json.loads(launched.stdout)
    if outcome["code"] not in allowed:
        raise CommandFailed(f"{command[0]} ended with {outcome['code']}:\n{launched.stderr}")
    return Run(outcome["seconds"], outcome["peak_kib"] / 1024)


def in_turn(tasks: Mapping[str, Callable[[], Sample]], rounds: int) -> dict[str, list[Sample]]:
    """Each task once per round, so that what else the machine does meets all of them.

    Every second round is reversed: none always runs behind the same other. One round before
    fills the caches and is not counted.
    """
    samples: dict[str, list[Sample]] = {name: [] for name in tasks}
    names = list(tasks)
    for number in range(rounds + 1):
        for name in names if number % 2 else reversed(names):
            sample = tasks[name]()
            if number > 0:
                samples[name].append(sample)
    return samples


def median_ratio(numerators: Sequence[float], denominators: Sequence[float]) -> float:
    """The median of the rounds' ratios: a disturbance within one round moves that one only."""
    return median(a / b for a, b in zip(numerators, denominators, strict=True))


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns aligned by spaces; the first to the left, numbers to the right."""
    lines = [head, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(
        "  ".join(
            text.ljust(width) if column == 0 else text.rjust(width)
            for column, (text, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )
