"""Every manifest rule has its level in each environment."""

import pytest

from mlifecycle.governance.findings import Level
from mlifecycle.governance.manifest_rules import MANIFEST_RULES
from tests.policy.manifest_cases import SERVING, D, F, M, P, source
from tests.policy.manifests import judged

LEVELS = {
    # rule: in development, in production (both sides of M/A rules stand apart)
    "metrics-present": ({"spec.metrics": None}, "MM"),
    "metrics-accuracy-minimum": ({M + "accuracy": "0.1"}, "MM"),
    "metrics-f1-minimum": ({M + "f1_score": "0.1"}, "MM"),
    "metrics-confidence": ({M + "sample_size": "20"}, "AA"),
    "fairness-present": ({"spec.fairness": None}, "MM"),
    "fairness-demographic-parity": ({F + "demographic_parity": "0.5"}, "MM"),
    "fairness-equalized-odds": ({F + "equalized_odds": "0.5"}, "MM"),
    "drift-present": ({"spec.drift": None}, "MM"),
    "drift-maximum": ({D + "score": "1"}, "MM"),
    "drift-elevated": ({D + "score": "0.2"}, "AA"),
    "drift-reference-age": ({D + "reference_date": "2001-01-01"}, "AA"),
    "drift-reference-age/future": ({D + "reference_date": "2030-01-01"}, "MM"),
    "framework-approved": ({"spec.model.framework": "x"}, "MM"),
    "dependency-approved": ({"spec.dependencies": ["x>=1"]}, "MM"),
    "dependency-pinned": ({"spec.dependencies": ["torch"]}, "AA"),
    "dependency-known-vulnerable": ({"spec.dependencies": ["torch==1.8.1"]}, "AM"),
    "data-sources-present": ({"spec.data_sources": None}, "MM"),
    "data-source-approved": (source("x"), "MM"),
    "experiment-linked": ({"spec.model.experiment_id": None}, "MM"),
    "experiment-linked/unknown": ({"spec.model.experiment_id": "other"}, "AM"),
    "model-uri-scheme": ({"spec.model.uri": "https://x/y"}, " M"),
    "namespace-present": ({"metadata.namespace": None}, "MM"),
    "resources-memory-limit": ({SERVING + "resources": {}}, "MM"),
    "autoscaling-present": ({}, "AA"),
    # One replica is development's floor.
    "replicas-minimum": ({SERVING + "replicas": "1"}, " M"),
    "monitoring-enabled": ({"spec.monitoring": {}}, "MM"),
    "monitoring-drift-detection": ({}, "AA"),
    "monitoring-alerting": ({}, "AA"),
    "explainability-present": ({}, "AA"),
    "rollback-observable": (
        {
            "spec.rollback.automatic": True,
            "spec.monitoring.alerting": False,
            "spec.verification.samples": "0",
        },
        "MM",
    ),
    "field-acted-on": ({"spec.rollback.bake": "5m"}, "AA"),
    "regression-accuracy": ({P + "metrics": {"accuracy": "1"}}, "MM"),
    "regression-f1": ({P + "metrics": {"f1_score": "1"}}, "MM"),
    "regression-latency": ({SERVING + "latency_p99_ms": "9", P + "latency_p99_ms": "1"}, "AA"),
    "training-sample-size": ({"spec.training.sample_size": "1"}, "MM"),
    "training-sample-size/warned": ({"spec.training.sample_size": "101"}, "AA"),
}


@pytest.mark.parametrize("key", LEVELS)
def test_a_rule_has_its_level_in_each_environment(key: str) -> None:
    edits, levels = LEVELS[key]
    rule = key.split("/", maxsplit=1)[0]
    for environment, level in zip(("development", "production"), levels, strict=True):
        found = [f for f in judged(edits, environment).findings if f.rule == rule]
        expected = {"M": [Level.MANDATORY], "A": [Level.ADVISORY], " ": []}[level]
        assert [finding.level for finding in found] == expected, environment


def test_every_rule_has_a_case_for_its_level() -> None:
    assert {key.split("/")[0] for key in LEVELS} == {rule.id for rule in MANIFEST_RULES}
