"""How far today's data is from the reference's, and how much the model was trained on."""

from collections.abc import Iterator
from datetime import date

from mlifecycle.governance.findings import as_printed
from mlifecycle.governance.manifest_rules.number import limited, present
from mlifecycle.governance.manifest_rules.quality import NEW_METRICS
from mlifecycle.governance.rule import NothingToJudge, Objection, Rule, Terms
from mlifecycle.manifest.schema import Manifest


def _reference_future(manifest: Manifest, terms: Terms) -> Iterator[Objection]:
    day = _reference_date(manifest)
    if day > terms.context.date:
        yield Objection(
            f"drift reference date {day} is in the future",
            value=str(day),
            path=("spec", "drift", "reference_date"),
        )


def _reference_old(manifest: Manifest, terms: Terms) -> Iterator[Objection]:
    day = _reference_date(manifest)
    age = (terms.context.date - day).days
    if age > terms.limit:
        yield Objection(
            f"drift reference date {day} is {age} days old, more than {terms.limit}",
            value=str(day),
            path=("spec", "drift", "reference_date"),
        )


def _reference_date(manifest: Manifest) -> date:
    drift = manifest.spec.drift
    if drift is None or drift.reference_date is None:
        raise NothingToJudge
    return drift.reference_date


def _elevated(manifest: Manifest, terms: Terms) -> Iterator[Objection]:
    score = manifest.spec.drift.score if manifest.spec.drift else None
    if score is None:
        raise NothingToJudge
    # What drift-maximum refuses is not said twice.
    if terms.limit < score < terms.thresholds["drift-maximum"]:
        yield Objection(
            f"drift score {as_printed(score)} is elevated (above {as_printed(terms.limit)})",
            value=str(score),
            path=("spec", "drift", "score"),
        )


def _too_few_samples(manifest: Manifest, terms: Terms) -> Iterator[Objection]:
    training = manifest.spec.training
    if training is None or training.sample_size is None:
        raise NothingToJudge
    if training.sample_size < terms.limit:
        yield Objection(
            f"training used {training.sample_size} samples, fewer than {terms.limit}",
            value=str(training.sample_size),
            path=("spec", "training", "sample_size"),
        )


def _few_samples(manifest: Manifest, terms: Terms) -> Iterator[Objection]:
    training = manifest.spec.training
    refused = terms.thresholds["training-sample-size/refused"]
    # What is refused is not warned about too.
    if training is None or training.sample_size is None or training.sample_size >= refused:
        yield from _too_few_samples(manifest, terms)


RULES: tuple[Rule[Manifest], ...] = (
    Rule(
        "drift-present",
        "Drift score present",
        present(
            "drift",
            ("score",),
            "Model must include a drift evaluation",
            "Model must include drift {field}",
        ),
        "A model that was trained for other data than today's is not the one that was measured.",
        "Measure drift against today's data and add drift.score",
        ("NIST AI RMF MEASURE 2.4", "EU AI Act Art. 72"),
        NEW_METRICS,
    ),
    Rule(
        "drift-maximum",
        "Drift score < {threshold}",
        limited(
            "drift",
            "score",
            "Drift score {value} is not below maximum threshold {threshold}",
            lambda value, limit: value >= limit,
        ),
        "At this distance the measured quality no longer speaks of today's data.",
        "Retrain model on current data",
        ("NIST AI RMF MEASURE 2.4", "EU AI Act Art. 72"),
        NEW_METRICS,
        has_threshold=True,
    ),
    Rule(
        "drift-elevated",
        "Drift score <= {threshold}",
        _elevated,
        "Drift that grows is seen before it refuses.",
        "Plan to retrain on current data",
        ("NIST AI RMF MEASURE 2.4", "EU AI Act Art. 72"),
        has_threshold=True,
    ),
    Rule(
        "drift-reference-age",
        "Drift reference date not in the future",
        _reference_future,
        "A reference that does not exist yet was not measured against.",
        "Correct drift.reference_date",
        ("NIST AI RMF MEASURE 2.4",),
        case="future",
    ),
    Rule(
        "drift-reference-age",
        "Drift reference at most {threshold} days old",
        _reference_old,
        "Old reference data hides drift that came since.",
        "Measure drift against newer reference data",
        ("NIST AI RMF MEASURE 2.4",),
        case="old",
        has_threshold=True,
    ),
    Rule(
        "training-sample-size",
        "At least {threshold} training samples",
        _too_few_samples,
        "A model that saw almost nothing has learned its samples, not their rule.",
        "Train on more samples",
        ("NIST AI RMF MAP 2.3", "EU AI Act Art. 10"),
        case="refused",
        has_threshold=True,
    ),
    Rule(
        "training-sample-size",
        "At least {threshold} training samples are better",
        _few_samples,
        "Few samples make a model that varies with each of them.",
        "Train on more samples",
        ("NIST AI RMF MAP 2.3", "EU AI Act Art. 10"),
        case="warned",
        has_threshold=True,
    ),
)
