"""Manifests on both sides of every rule's boundary, as edits of the example."""

from datetime import date
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from tests.policy.manifests import Edits

MISSING = "s3://mlifecycle-models/nothing-is-here/v1"


def near(threshold: str) -> st.SearchStrategy[str]:
    """Numbers on both sides of a threshold and on it, and far from it."""
    exact = Decimal(threshold)
    return st.sampled_from(
        [threshold, str(exact + Decimal("0.0001")), str(exact - Decimal("0.0001")), "0", "1"]
    )


FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "spec.metrics": st.none(),
    "spec.metrics.accuracy": st.one_of(st.none(), near("0.85")),
    "spec.metrics.f1_score": st.one_of(st.none(), near("0.80")),
    "spec.metrics.sample_size": st.integers(1, 5000).map(str),
    "spec.fairness": st.none(),
    "spec.fairness.demographic_parity": st.one_of(st.none(), near("0.10"), near("-0.10")),
    "spec.fairness.equalized_odds": st.one_of(st.none(), near("0.10")),
    "spec.drift": st.none(),
    "spec.drift.score": st.one_of(st.none(), near("0.10"), near("0.30")),
    "spec.drift.reference_date": st.dates(date(2024, 1, 1), date(2027, 1, 1)).map(str),
    "spec.model.framework": st.sampled_from(["pytorch", "PyTorch", "onnx", "p\u202ex", "a|b`c"]),
    "spec.model.experiment_id": st.sampled_from([None, " ", "exp-fraud-2025-001", "other"]),
    "spec.model.uri": st.sampled_from([MISSING, "https://models.example.com/x"]),
    "spec.dependencies": st.lists(
        st.sampled_from(["torch>=2", "torch==1.8.0", "numpy", "evil==1", "Torch~=2.0"]), max_size=3
    ),
    "spec.data_sources": st.lists(
        st.sampled_from(
            [
                {"source": "transactions-prod", "approved": True},
                {"source": "transactions-prod-evil", "approved": True},
                {"source": "gs://ml-datasets-eu/x", "approved": False},
                {"approved": True},
            ]
        ),
        max_size=2,
    ),
    "spec.inference.replicas": st.integers(1, 4).map(str),
    "spec.inference.resources": st.sampled_from(
        [{}, {"limits": {"memory": "lots"}}, {"limits": {"memory": "1Gi"}}]
    ),
    "spec.inference.autoscaling": st.fixed_dictionaries(
        {"min_replicas": st.integers(1, 4).map(str)}
    ),
    "spec.inference.auth": st.just("api-key"),
    "spec.inference.grpc": st.booleans(),
    "spec.monitoring.enabled": st.booleans(),
    "spec.monitoring.alerting": st.booleans(),
    "spec.explainability.method": st.sampled_from(["shap", " "]),
    "spec.training.sample_size": st.sampled_from(["99", "100", "999", "1000"]),
    "spec.previous_version.metrics": st.fixed_dictionaries({"accuracy": near("0.96")}),
    "spec.rollback.automatic": st.booleans(),
    "spec.verification.samples": st.sampled_from(["0", "3"]),
}


@st.composite
def edits(draw: st.DrawFn) -> Edits:
    """A few fields of the seed's manifest set or taken away, sections before their fields."""
    chosen = draw(st.lists(st.sampled_from(sorted(FIELDS)), max_size=5, unique=True))
    made: Edits = {"spec.model.uri": MISSING}
    for field in sorted(chosen):
        section = field.rpartition(".")[0]
        if made.get(section, "given") is not None:
            made[field] = draw(FIELDS[field])
    return {
        field: value
        for field, value in made.items()
        if value is not None or field in {*FIELDS} & {*SEED_FIELDS}
    }


SEED_FIELDS = {
    *("spec.metrics", "spec.metrics.accuracy", "spec.metrics.f1_score", "spec.fairness"),
    *("spec.fairness.demographic_parity", "spec.fairness.equalized_odds", "spec.drift"),
    *("spec.drift.score", "spec.model.experiment_id"),
}
