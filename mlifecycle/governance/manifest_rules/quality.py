"""How good and how fair the model is, by its author's own measurements."""

from collections.abc import Iterator
from decimal import ROUND_FLOOR, Decimal

from mlifecycle.governance.findings import as_printed
from mlifecycle.governance.manifest_rules.number import limited, present
from mlifecycle.governance.rule import NothingToJudge, Objection, Rule, Terms
from mlifecycle.manifest.schema import Manifest

NEW_METRICS = "Update manifest with new metrics"
# 97.5th percentile of the normal distribution: a two-sided 95 % interval.
Z = Decimal("1.959964")


def _confidence(manifest: Manifest, terms: Terms) -> Iterator[Objection]:
    """Wilson, E. B. (1927), J. Am. Stat. Assoc. 22: the score interval of a proportion."""
    metrics = manifest.spec.metrics
    if metrics is None or metrics.accuracy is None or metrics.sample_size is None:
        raise NothingToJudge
    bound = wilson_lower_bound(metrics.accuracy, metrics.sample_size)
    if bound < terms.limit <= metrics.accuracy:
        # Rounded down: 0.8496 must not read as the 0.85 that it missed.
        low = bound.quantize(Decimal("0.001"), ROUND_FLOOR)
        yield Objection(
            f"accuracy {as_printed(metrics.accuracy)} on {metrics.sample_size} samples may be as "
            f"low as {low} (95 % confidence), below {as_printed(terms.limit)}",
            value=str(low),
            path=("spec", "metrics", "sample_size"),
        )


def wilson_lower_bound(proportion: Decimal, samples: int) -> Decimal:
    """The lower end of the 95 % Wilson score interval of a proportion in [0, 1]."""
    n, z2 = Decimal(samples), Z * Z
    middle = proportion + z2 / (2 * n)
    spread = Z * ((proportion * (1 - proportion) + z2 / (4 * n)) / n).sqrt()
    return (middle - spread) / (1 + z2 / n)


RULES: tuple[Rule[Manifest], ...] = (
    Rule(
        "metrics-present",
        "Metrics present",
        present(
            "metrics",
            ("accuracy", "f1_score"),
            "Model must include evaluation metrics",
            "Model must include metric {field}",
        ),
        "A model whose quality nobody measured can't be judged.",
        "Evaluate the model and add metrics.accuracy and metrics.f1_score",
        ("NIST AI RMF MEASURE 2.3", "EU AI Act Art. 15"),
        NEW_METRICS,
    ),
    Rule(
        "metrics-accuracy-minimum",
        "Accuracy >= {threshold}",
        limited(
            "metrics",
            "accuracy",
            "Model accuracy {value} is below minimum threshold {threshold}",
            lambda value, limit: value < limit,
        ),
        "Below this, the model is wrong too often to act on.",
        "Retrain model to improve accuracy",
        ("NIST AI RMF MEASURE 2.3", "EU AI Act Art. 15"),
        NEW_METRICS,
        has_threshold=True,
    ),
    Rule(
        "metrics-f1-minimum",
        "F1 Score >= {threshold}",
        limited(
            "metrics",
            "f1_score",
            "Model F1 score {value} is below minimum threshold {threshold}",
            lambda value, limit: value < limit,
        ),
        "Accuracy alone hides a model that misses the rare class.",
        "Retrain model to improve F1 score",
        ("NIST AI RMF MEASURE 2.3", "EU AI Act Art. 15"),
        NEW_METRICS,
        has_threshold=True,
    ),
    Rule(
        "metrics-confidence",
        "Accuracy certain enough",
        _confidence,
        "A high accuracy on few samples may be luck.",
        "Evaluate the model on more samples",
        ("NIST AI RMF MEASURE 2.3",),
        NEW_METRICS,
        has_threshold=True,
    ),
    Rule(
        "fairness-present",
        "Fairness metrics present",
        present(
            "fairness",
            ("demographic_parity", "equalized_odds"),
            "Model must include fairness/bias evaluation metrics",
            "Model must include fairness metric {field}",
        ),
        "A model whose effect on groups nobody measured can't be judged.",
        "Add fairness evaluation to training pipeline",
        ("NIST AI RMF MEASURE 2.11", "EU AI Act Art. 10"),
        NEW_METRICS,
    ),
    Rule(
        "fairness-demographic-parity",
        "Demographic parity < {threshold}",
        limited(
            "fairness",
            "demographic_parity",
            "Demographic parity difference {value} is not below maximum threshold {threshold}",
            lambda value, limit: value.copy_abs() >= limit,
        ),
        "Groups must be selected at like rates.",
        "Retrain model to reduce the demographic parity difference",
        ("NIST AI RMF MEASURE 2.11", "EU AI Act Art. 10"),
        NEW_METRICS,
        has_threshold=True,
    ),
    Rule(
        "fairness-equalized-odds",
        "Equalized odds < {threshold}",
        limited(
            "fairness",
            "equalized_odds",
            "Equalized odds difference {value} is not below maximum threshold {threshold}",
            lambda value, limit: value.copy_abs() >= limit,
        ),
        "The model must be right and wrong at like rates for each group.",
        "Retrain model to reduce the equalized odds difference",
        ("NIST AI RMF MEASURE 2.11", "EU AI Act Art. 10"),
        NEW_METRICS,
        has_threshold=True,
    ),
)
