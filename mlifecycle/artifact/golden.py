"""Golden samples: what a model must answer."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

GOLDEN_FILE = "golden.json"
# A model's one input, or its first output, which need no name.
UNNAMED = ""


@dataclass(frozen=True)
class GoldenSamples:
    """Inputs with the outputs that the model must give, within an absolute tolerance.

    Attributes:
        inputs: by the tensor's name, a nested list for each sample.
        outputs: the same; numbers, or texts.
    """

    inputs: dict[str, list[Any]]
    outputs: dict[str, list[Any]]
    tolerance: float

    @property
    def count(self) -> int:
        """How many samples there are."""
        return len(next(iter(self.inputs.values())))

    @property
    def is_plain(self) -> bool:
        """Whether /predict takes them: no tensor is named."""
        return {*self.inputs, *self.outputs} == {UNNAMED}

    def parts(self, samples: int | None, rows: int | None) -> Iterator["GoldenSamples"]:
        """The first `samples` of them, at most `rows` together; None stands for all."""
        end = self.count if samples is None else min(samples, self.count)
        step = rows or self.count
        for start in range(0, end, step):
            taken = slice(start, min(start + step, end))
            yield GoldenSamples(
                {name: given[taken] for name, given in self.inputs.items()},
                {name: given[taken] for name, given in self.outputs.items()},
                self.tolerance,
            )


def read_golden(content: bytes) -> GoldenSamples:
    """Raise ValueError where they are malformed; the message says how."""
    try:
        document = json.loads(content)
        samples = GoldenSamples(
            _named(document["inputs"]), _named(document["outputs"]), float(document["tolerance"])
        )
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"are malformed: {error}") from error
    counts = {len(rows) for rows in (*samples.inputs.values(), *samples.outputs.values())}
    if len(counts) != 1 or 0 in counts:
        raise ValueError("need one output for each input")
    if not 0 < samples.tolerance < 1:
        raise ValueError("need a tolerance between 0 and 1")
    return samples


def flat(values: Any) -> Iterator[Any]:
    """The numbers and texts of nested lists, in their order."""
    waiting = [values]
    while waiting:
        part = waiting.pop()
        if isinstance(part, list):
            waiting += reversed(part)
        else:
            yield part


def _named(given: Any) -> dict[str, list[Any]]:
    named = given if isinstance(given, dict) else {UNNAMED: given}
    if not named:
        raise ValueError("no tensor is given")
    for name, rows in named.items():
        if not isinstance(rows, list):
            raise TypeError(f"{name or 'a tensor'} is no list of samples")
        for value in flat(rows):
            known = isinstance(value, int | float | str | bool) or value is None
            if not known or (isinstance(value, float) and not math.isfinite(value)):
                raise ValueError(f"{value!r} is no number and no text")
    return named
