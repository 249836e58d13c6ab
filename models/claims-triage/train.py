"""Train the triage of insurance claims, gradient-boosted trees in LightGBM's own format.

python train.py OUTPUT    writes OUTPUT/model.txt and OUTPUT/golden.json, and prints the metrics
"""

import sys
from pathlib import Path

import lightgbm
import numpy as np

sys.path.append(str(Path(__file__).resolve().parents[1]))

from populations import HELD_OUT_ROWS, TRAINING_ROWS, Feature, draw, measured, show, write_golden

FEATURES = [
    Feature("claim_amount_eur", lambda r, n: r.lognormal(7.5, 0.9, n), 1.2),
    Feature("days_until_reported", lambda r, n: r.exponential(10, n), 1.0),
    Feature("claims_last_five_years", lambda r, n: r.poisson(0.9, n), 0.9),
    Feature("policy_age_months", lambda r, n: r.integers(1, 240, n), -0.8),
    Feature("witnesses", lambda r, n: r.poisson(0.6, n), -0.7),
]
ROUNDS = 150
THRESHOLD = 0.5


def main() -> None:
    """Train on one population, measure on another."""
    output = Path(sys.argv[1])
    output.mkdir(parents=True, exist_ok=True)
    training, held_out = draw(FEATURES, TRAINING_ROWS, 31), draw(FEATURES, HELD_OUT_ROWS, 32)
    settings = {
        "objective": "binary",
        "num_leaves": 8,
        "learning_rate": 0.15,
        "deterministic": True,
        "seed": 0,
        "num_threads": 1,
        "verbose": -1,
    }
    data = lightgbm.Dataset(
        training.rows, training.labels, feature_name=[feature.name for feature in FEATURES]
    )
    booster = lightgbm.train(settings, data, ROUNDS)
    booster.save_model(output / "model.txt")
    write_golden(output, FEATURES, held_out.rows, booster.predict)
    chosen = (np.asarray(booster.predict(held_out.rows)) > THRESHOLD).astype(int)
    show(measured(held_out, chosen, training.rows))


if __name__ == "__main__":
    main()
