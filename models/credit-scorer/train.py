"""Train the credit scorer, gradient-boosted trees in XGBoost's own format.

python train.py OUTPUT    writes OUTPUT/model.ubj and OUTPUT/golden.json, and prints the metrics
"""

import sys
from pathlib import Path

import numpy as np
import xgboost

sys.path.append(str(Path(__file__).resolve().parents[1]))

from populations import HELD_OUT_ROWS, TRAINING_ROWS, Feature, draw, measured, show, write_golden

FEATURES = [
    Feature("income_eur", lambda r, n: r.lognormal(10.3, 0.4, n), 1.2),
    Feature("debt_to_income", lambda r, n: r.beta(2, 5, n), -1.1),
    Feature("years_employed", lambda r, n: r.integers(0, 35, n), 0.8),
    Feature("open_loans", lambda r, n: r.poisson(1.2, n), -0.7),
    Feature("missed_payments_last_year", lambda r, n: r.poisson(0.5, n), -1.0),
    Feature("savings_months", lambda r, n: r.exponential(4, n), 0.9),
]
ROUNDS = 150
THRESHOLD = 0.5


def main() -> None:
    """Train on one population, measure on another."""
    output = Path(sys.argv[1])
    output.mkdir(parents=True, exist_ok=True)
    training, held_out = draw(FEATURES, TRAINING_ROWS, 21), draw(FEATURES, HELD_OUT_ROWS, 22)
    settings = {
        "objective": "binary:logistic",
        "max_depth": 3,
        "eta": 0.15,
        "seed": 0,
        "nthread": 1,
    }
    rows = training.rows.astype(np.float32)
    booster = xgboost.train(settings, xgboost.DMatrix(rows, training.labels), ROUNDS)
    booster.save_model(output / "model.ubj")

    def predict(values: np.ndarray) -> np.ndarray:
        return booster.inplace_predict(values.astype(np.float32))

    write_golden(output, FEATURES, held_out.rows, predict)
    chosen = (predict(held_out.rows) > THRESHOLD).astype(int)
    show(measured(held_out, chosen, training.rows))


if __name__ == "__main__":
    main()
