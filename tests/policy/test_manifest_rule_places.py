"""Every finding of a manifest rule says where, what, and against which threshold."""

import pytest

from tests.policy.manifest_cases import SERVING, D, F, M, P, source
from tests.policy.manifests import Edits, judged
from tests.policy.test_manifest_rule_levels import LEVELS

# Where a finding points, and what it says was found against which threshold.
PLACES: list[tuple[str, Edits, str, str | None, str | None]] = [
    ("metrics-present", {"spec.metrics": None}, "spec", None, None),
    ("metrics-present", {M + "accuracy": None}, "spec.metrics", None, None),
    ("metrics-accuracy-minimum", {M + "accuracy": "0.1"}, "spec.metrics.accuracy", "0.1", "0.85"),
    ("metrics-f1-minimum", {M + "f1_score": "0.1"}, "spec.metrics.f1_score", "0.1", "0.80"),
    (
        "metrics-confidence",
        {M + "sample_size": "20"},
        "spec.metrics.sample_size",
        "0.750",
        "0.85",
    ),
    ("fairness-present", {"spec.fairness": None}, "spec", None, None),
    ("fairness-present", {F + "equalized_odds": None}, "spec.fairness", None, None),
    (
        "fairness-demographic-parity",
        {F + "demographic_parity": "-0.5"},
        "spec.fairness.demographic_parity",
        "-0.5",
        "0.10",
    ),
    (
        "fairness-equalized-odds",
        {F + "equalized_odds": "0.5"},
        "spec.fairness.equalized_odds",
        "0.5",
        "0.10",
    ),
    ("drift-present", {"spec.drift": None}, "spec", None, None),
    ("drift-present", {D + "score": None}, "spec.drift", None, None),
    ("drift-maximum", {D + "score": "1"}, "spec.drift.score", "1", "0.30"),
    ("drift-elevated", {D + "score": "0.2"}, "spec.drift.score", "0.2", "0.10"),
    (
        "drift-reference-age",
        {D + "reference_date": "2001-01-01"},
        "spec.drift.reference_date",
        "2001-01-01",
        "365",
    ),
    (
        "drift-reference-age",
        {D + "reference_date": "2030-01-01"},
        "spec.drift.reference_date",
        "2030-01-01",
        None,
    ),
    ("framework-approved", {"spec.model.framework": "x"}, "spec.model.framework", "x", None),
    (
        "dependency-approved",
        {"spec.dependencies": ["torch>=2", "x>=1"]},
        "spec.dependencies.1",
        "x>=1",
        None,
    ),
    (
        "dependency-pinned",
        {"spec.dependencies": ["torch>=2", "numpy"]},
        "spec.dependencies.1",
        "numpy",
        None,
    ),
    (
        "dependency-known-vulnerable",
        {"spec.dependencies": ["numpy>=2", "torch==1.8.1"]},
        "spec.dependencies.1",
        "torch==1.8.1",
        None,
    ),
    ("data-sources-present", {"spec.data_sources": None}, "spec", None, None),
    ("namespace-present", {"metadata.namespace": None}, "metadata", None, None),
    ("data-source-approved", source("x"), "spec.data_sources.0", "x", None),
    (
        "data-source-approved",
        source("transactions-prod", approved=False),
        "spec.data_sources.0",
        "transactions-prod",
        None,
    ),
    (
        "data-source-approved",
        {"spec.data_sources": [{"approved": True}]},
        "spec.data_sources.0",
        None,
        None,
    ),
    ("experiment-linked", {"spec.model.experiment_id": None}, "spec.model", None, None),
    (
        "experiment-linked",
        {"spec.model.experiment_id": " other "},
        "spec.model.experiment_id",
        "other",
        None,
    ),
    ("model-uri-scheme", {"spec.model.uri": "hf://x/y"}, "spec.model.uri", "hf://x/y", None),
    ("resources-memory-limit", {SERVING + "resources": {}}, "spec.inference.resources", None, None),
    (
        "resources-memory-limit",
        {SERVING + "resources": {"limits": {"memory": "1Gi"}, "requests": {"cpu": "x"}}},
        "spec.inference.resources.requests.cpu",
        "x",
        None,
    ),
    ("autoscaling-present", {}, "spec.inference", None, None),
    ("replicas-minimum", {SERVING + "replicas": "1"}, "spec.inference.replicas", "1", "3"),
    (
        "replicas-minimum",
        {SERVING + "autoscaling": {"min_replicas": "1"}},
        "spec.inference.autoscaling.min_replicas",
        "1",
        "3",
    ),
    ("monitoring-enabled", {"spec.monitoring": {}}, "spec.monitoring", None, None),
    ("monitoring-alerting", {}, "spec.monitoring", None, None),
    (
        "monitoring-alerting",
        {"spec.monitoring.alerting": False},
        "spec.monitoring.alerting",
        None,
        None,
    ),
    ("explainability-present", {}, "spec.explainability", None, None),
    (
        "rollback-observable",
        LEVELS["rollback-observable"][0],
        "spec.rollback.automatic",
        None,
        None,
    ),
    ("field-acted-on", {"spec.rollback.bake": "5m"}, "spec.rollback.bake", None, None),
    (
        "regression-accuracy",
        {P + "metrics": {"accuracy": "1"}},
        "spec.metrics.accuracy",
        "0.94",
        "0.02",
    ),
    ("regression-f1", {P + "metrics": {"f1_score": "1"}}, "spec.metrics.f1_score", "0.90", "0.02"),
    (
        "regression-latency",
        LEVELS["regression-latency"][0],
        "spec.inference.latency_p99_ms",
        "9",
        "1.5",
    ),
    (
        "training-sample-size",
        {"spec.training.sample_size": "1"},
        "spec.training.sample_size",
        "1",
        "100",
    ),
    (
        "training-sample-size",
        {"spec.training.sample_size": "101"},
        "spec.training.sample_size",
        "101",
        "1000",
    ),
]


@pytest.mark.parametrize(("rule", "edits", "path", "value", "threshold"), PLACES)
def test_a_finding_says_where_what_and_against_which_threshold(
    rule: str, edits: Edits, path: str, value: str | None, threshold: str | None
) -> None:
    (finding,) = [finding for finding in judged(edits).findings if finding.rule == rule]
    assert ".".join(map(str, finding.path)) == path
    assert (finding.value, finding.threshold) == (value, threshold)
