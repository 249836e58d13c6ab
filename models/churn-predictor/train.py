"""Train the churn predictor, a pipeline of scikit-learn in skops' format.

python train.py OUTPUT    writes OUTPUT/model.skops and OUTPUT/golden.json, and prints the metrics
"""

import sys
from pathlib import Path

import skops.io
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

sys.path.append(str(Path(__file__).resolve().parents[1]))

from populations import Feature, Population, Predict, train

FEATURES = [
    Feature("months_as_customer", lambda r, n: r.integers(1, 120, n), -1.2),
    Feature("support_calls_last_quarter", lambda r, n: r.poisson(1.5, n), 1.1),
    Feature("invoices_paid_late", lambda r, n: r.poisson(0.8, n), 0.9),
    Feature("monthly_fee_eur", lambda r, n: r.gamma(4, 10, n), 0.6),
    Feature("days_since_last_login", lambda r, n: r.exponential(12, n), 1.0),
]


def fit(training: Population, output: Path) -> Predict:
    """A logistic regression on the products of the features."""
    model = make_pipeline(StandardScaler(), PolynomialFeatures(2), LogisticRegression(C=10))
    model.fit(training.rows, training.labels)
    skops.io.dump(model, output / "model.skops")
    return model.predict


if __name__ == "__main__":
    train(FEATURES, 11, fit)
