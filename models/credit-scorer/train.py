"""Train the credit scorer, gradient-boosted trees in XGBoost's own format.

python train.py OUTPUT    writes OUTPUT/model.ubj and OUTPUT/golden.json, and prints the metrics
"""

import sys
from pathlib import Path

import numpy as np
import xgboost

sys.path.append(str(Path(__file__).resolve().parents[1]))

from populations import Feature, Numbers, Population, Predict, train

FEATURES = [
    Feature("income_eur", lambda r, n: r.lognormal(10.3, 0.4, n), 1.2),
    Feature("debt_to_income", lambda r, n: r.beta(2, 5, n), -1.1),
    Feature("years_employed", lambda r, n: r.integers(0, 35, n), 0.8),
    Feature("open_loans", lambda r, n: r.poisson(1.2, n), -0.7),
    Feature("missed_payments_last_year", lambda r, n: r.poisson(0.5, n), -1.0),
    Feature("savings_months", lambda r, n: r.exponential(4, n), 0.9),
]
ROUNDS = 150


def fit(training: Population, output: Path) -> Predict:
    """Boosted trees of single precision, as the server asks them."""
    settings = {
        "objective": "binary:logistic",
        "max_depth": 3,
        "eta": 0.15,
        "seed": 0,
        "nthread": 1,
    }
    data = xgboost.DMatrix(training.rows.astype(np.float32), training.labels)
    booster = xgboost.train(settings, data, ROUNDS)
    booster.save_model(output / "model.ubj")

    def predict(rows: Numbers) -> np.ndarray:
        return booster.inplace_predict(rows.astype(np.float32))

    return predict


if __name__ == "__main__":
    train(FEATURES, 21, fit)
