"""Generated people for the models beside it, and how their predictions are measured.

The data are generated, never real: rows of numbers with a noisy rule behind them, and a group that
no model sees, for which its predictions are compared. Metrics are those of the manifests:

- demographic parity difference: the largest difference of selection rates between groups
  (Agarwal et al., "A Reductions Approach to Fair Classification", 2018; as in Fairlearn);
- equalized odds difference: the larger of the same for true and for false positive rates;
- drift score: the largest population stability index of a feature, between the rows of training and
  the held-out ones (ten quantile bins; below 0.1 nothing has moved).
"""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]
Predict = Callable[[Numbers], npt.NDArray[Any]]
TRAINING_ROWS, HELD_OUT_ROWS, GOLDEN_ROWS = 6000, 4000, 8
# What the golden outputs may differ by where another CPU rounds differently.
TOLERANCE = 1e-5
# A prediction above it is a positive one, where the model answers with probabilities.
THRESHOLD = 0.5


@dataclass(frozen=True)
class Feature:
    """One column: its name, and how it is drawn."""

    name: str
    draw: Callable[[np.random.Generator, int], npt.NDArray[Any]]
    weight: float


@dataclass(frozen=True)
class Population:
    """Rows [N, F], labels [N] of 0 and 1, groups [N] of 0 and 1."""

    rows: Numbers
    labels: npt.NDArray[np.int64]
    groups: npt.NDArray[np.int64]


def train(features: list[Feature], seed: int, fit: Callable[[Population, Path], Predict]) -> None:
    """Train on one population and measure on another: what each train.py does.

    seed: of the rows of training; the held-out ones have the next.
    fit: trains on a population, writes the model's file to a folder, and says how it predicts.
    """
    output = Path(sys.argv[1])
    output.mkdir(parents=True, exist_ok=True)
    training, held_out = (
        draw(features, TRAINING_ROWS, seed),
        draw(features, HELD_OUT_ROWS, seed + 1),
    )
    predict = fit(training, output)
    write_golden(output, features, held_out.rows, predict)
    chosen = (np.asarray(predict(held_out.rows)) > THRESHOLD).astype(int)
    metrics = measured(held_out, chosen, training.rows)
    print(", ".join(f"{name} {value:.4f}" for name, value in metrics.items()))


def draw(features: list[Feature], rows: int, seed: int) -> Population:
    """Rows whose label follows the weighted, standardised features, a product and noise."""
    random = np.random.default_rng(seed)
    columns = [feature.draw(random, rows).astype(np.float64) for feature in features]
    scaled = [(column - column.mean()) / column.std() for column in columns]
    score = sum(f.weight * column for f, column in zip(features, scaled, strict=True))
    score = score + 0.8 * scaled[0] * scaled[1] + random.normal(scale=0.35, size=rows)
    labels = (score > 0.2).astype(np.int64)
    return Population(np.round(np.stack(columns, 1), 3), labels, random.integers(0, 2, rows))


def measured(
    population: Population, predicted: npt.NDArray[Any], training: Numbers
) -> dict[str, float]:
    """The metrics of a manifest, for predictions of 0 and 1."""
    labels, groups = population.labels, population.groups
    hits = ((predicted == 1) & (labels == 1)).sum()
    precision, recall = hits / (predicted == 1).sum(), hits / (labels == 1).sum()

    def difference(chosen: npt.NDArray[np.bool_]) -> float:
        rates = [predicted[chosen & (groups == group)].mean() for group in (0, 1)]
        return float(abs(rates[0] - rates[1]))

    return {
        "accuracy": float((predicted == labels).mean()),
        "f1_score": float(2 * precision * recall / (precision + recall)),
        "precision": float(precision),
        "recall": float(recall),
        "demographic_parity": difference(np.ones_like(labels, dtype=bool)),
        "equalized_odds": max(difference(labels == 1), difference(labels == 0)),
        "drift_score": max(
            stability(training[:, column], population.rows[:, column])
            for column in range(training.shape[1])
        ),
    }


def stability(before: Numbers, after: Numbers) -> float:
    """The population stability index over ten quantile bins of `before`."""
    edges = np.unique(np.quantile(before, np.linspace(0, 1, 11)[1:-1]))
    old, new = (
        np.bincount(np.searchsorted(edges, values), minlength=len(edges) + 1) / len(values)
        for values in (before, after)
    )
    kept = (old > 0) & (new > 0)
    return float(((new - old)[kept] * np.log(new[kept] / old[kept])).sum())


def write_golden(folder: Path, features: list[Feature], rows: Numbers, predict: Predict) -> None:
    """The first rows of a population, with what the model answers."""
    document = {
        "feature_names": [feature.name for feature in features],
        "inputs": rows[:GOLDEN_ROWS].tolist(),
        "outputs": np.asarray(predict(rows[:GOLDEN_ROWS]), dtype=np.float64).tolist(),
        "tolerance": TOLERANCE,
    }
    (folder / "golden.json").write_text(json.dumps(document, indent=1) + "\n")
