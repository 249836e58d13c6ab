"""Train the triage of insurance claims, gradient-boosted trees in LightGBM's own format.

python train.py OUTPUT    writes OUTPUT/model.txt and OUTPUT/golden.json, and prints the metrics
"""

import sys
from pathlib import Path

import lightgbm

sys.path.append(str(Path(__file__).resolve().parents[1]))

from populations import Feature, Population, Predict, train

FEATURES = [
    Feature("claim_amount_eur", lambda r, n: r.lognormal(7.5, 0.9, n), 1.2),
    Feature("days_until_reported", lambda r, n: r.exponential(10, n), 1.0),
    Feature("claims_last_five_years", lambda r, n: r.poisson(0.9, n), 0.9),
    Feature("policy_age_months", lambda r, n: r.integers(1, 240, n), -0.8),
    Feature("witnesses", lambda r, n: r.poisson(0.6, n), -0.7),
]
ROUNDS = 150


def fit(training: Population, output: Path) -> Predict:
    """Boosted trees, grown the same on each machine."""
    settings = {
        "objective": "binary",
        "num_leaves": 8,
        "learning_rate": 0.15,
        "deterministic": True,
        "seed": 0,
        "num_threads": 1,
        "verbose": -1,
    }
    names = [feature.name for feature in FEATURES]
    data = lightgbm.Dataset(training.rows, training.labels, feature_name=names)
    booster = lightgbm.train(settings, data, ROUNDS)
    booster.save_model(output / "model.txt")
    return booster.predict


if __name__ == "__main__":
    train(FEATURES, 31, fit)
