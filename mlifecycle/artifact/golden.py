"""Golden samples: what a model must answer."""

import json
from dataclasses import dataclass

GOLDEN_FILE = "golden.json"


@dataclass(frozen=True)
class GoldenSamples:
    """Inputs with the outputs that the model must give, within an absolute tolerance."""

    inputs: list[list[float]]
    outputs: list[float]
    tolerance: float


def read_golden(content: bytes) -> GoldenSamples:
    """Raise ValueError where they are malformed; the message says how."""
    try:
        document = json.loads(content)
        samples = GoldenSamples(
            inputs=[[float(number) for number in row] for row in document["inputs"]],
            outputs=[float(number) for number in document["outputs"]],
            tolerance=float(document["tolerance"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"are malformed: {error}") from error
    if not samples.inputs or len(samples.inputs) != len(samples.outputs):
        raise ValueError("need one output for each input")
    return samples
