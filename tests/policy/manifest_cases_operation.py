"""The same as `manifest_cases`, of the rules on how a model is run and owned."""

from tests.policy.manifest_cases import LIMITS, SERVING, M, P
from tests.policy.manifests import Edits

CASES: list[tuple[str, Edits, str | None]] = [
    ("model-uri-scheme", {"spec.model.uri": "gs://models/x"}, None),
    (
        "model-uri-scheme",
        {"spec.model.uri": "https://example.com/x"},
        "model uri scheme https is not allowed in production: "
        "use one of s3, gs, abfs, abfss, mlflow, models, oci",
    ),
    ("resources-memory-limit", {SERVING + "resources": LIMITS}, None),
    ("resources-memory-limit", {SERVING + "grpc": True}, None),
    (
        "resources-memory-limit",
        {SERVING + "resources": {"limits": {"memory": "1Gi"}, "requests": {"memory": "1024Mi"}}},
        None,
    ),
    (
        "resources-memory-limit",
        {SERVING + "resources": {"limits": {"memory": "1Gi"}, "requests": {"memory": "2Gi"}}},
        "requests.memory 2Gi must be the limit, 1Gi",
    ),
    (
        "resources-memory-limit",
        {
            SERVING + "resources": {
                "limits": {"memory": "1Gi", "cpu": "500m"},
                "requests": {"cpu": "0.501"},
            }
        },
        "requests.cpu 0.501 is more than the limit, 500m",
    ),
    (
        "resources-memory-limit",
        {
            SERVING + "resources": {
                "limits": {"memory": "1Gi", "cpu": "500m"},
                "requests": {"cpu": "0.5"},
            }
        },
        None,
    ),
    (
        "resources-memory-limit",
        {SERVING + "resources": {}},
        "inference.resources has no limits.memory",
    ),
    (
        "resources-memory-limit",
        {SERVING + "resources": {"limits": {"cpu": "1"}, "requests": {"memory": "1Gi"}}},
        "inference.resources has no limits.memory",
    ),
    *(
        (
            "resources-memory-limit",
            {SERVING + "resources": {"limits": {"memory": amount}}},
            f"{amount!r} is not a quantity above 0, such as 512Mi or 500m",
        )
        for amount in ("lots", "100m", "512MB", "-1Gi", "0", "0.0Mi", "1 Gi", "Infinity")
    ),
    *(
        ("resources-memory-limit", {SERVING + "resources": {"limits": {"memory": amount}}}, None)
        for amount in ("1", "1.5Gi", ".5Gi", "1e9", "128974848", "1k")
    ),
    ("autoscaling-present", {SERVING + "autoscaling": {"min_replicas": "3"}}, None),
    (
        "autoscaling-present",
        {SERVING + "replicas": "3"},
        "no autoscaling given: the environment's default is applied",
    ),
    ("replicas-minimum", {SERVING + "replicas": "3"}, None),
    (
        "replicas-minimum",
        {SERVING + "replicas": "2"},
        "replicas 2 is below the environment's floor of 3",
    ),
    (
        "replicas-minimum",
        {SERVING + "autoscaling": {"min_replicas": "2"}},
        "min_replicas 2 is below the environment's floor of 3",
    ),
    ("replicas-minimum", {SERVING + "autoscaling": {"min_replicas": "3"}}, None),
    (
        "replicas-minimum",
        {SERVING + "autoscaling": {"max_replicas": "2"}},
        "max_replicas 2 is below the environment's floor of 3",
    ),
    ("replicas-minimum", {SERVING + "autoscaling": {"max_replicas": "3"}}, None),
    ("autoscaling-present", {SERVING + "autoscaling": {"max_replicas": "3"}}, None),
    (
        "autoscaling-present",
        {SERVING + "autoscaling": {}},
        "no number of replicas to scale to given: the environment's default is applied",
    ),
    ("monitoring-enabled", {"spec.monitoring": {"enabled": True}}, None),
    ("monitoring-enabled", {"spec.monitoring": {}}, "monitoring is not enabled: true"),
    (
        "monitoring-enabled",
        {"spec.monitoring": {"enabled": False}},
        "monitoring is not enabled: true",
    ),
    *(
        case
        for field, words in (
            ("drift_detection", "drift detection"),
            ("alerting", "alerting"),
        )
        for case in (
            (
                f"monitoring-{field.replace('_', '-')}",
                {f"spec.monitoring.{field}": True},
                None,
            ),
            (
                f"monitoring-{field.replace('_', '-')}",
                {f"spec.monitoring.{field}": False},
                f"{words} is off",
            ),
            (
                f"monitoring-{field.replace('_', '-')}",
                {},
                f"{words} is not given: the environment's default is applied",
            ),
        )
    ),
    ("explainability-present", {"spec.explainability": {"method": "shap"}}, None),
    ("explainability-present", {}, "no explainability method is given"),
    (
        "explainability-present",
        {"spec.explainability": {"method": " "}},
        "no explainability method is given",
    ),
    ("rollback-observable", {"spec.rollback": {"automatic": True}}, None),
    ("rollback-observable", {"spec.rollback": {"automatic": False}}, None),
    *(
        (
            "rollback-observable",
            {
                "spec.rollback.automatic": True,
                "spec.monitoring.alerting": alerting,
                "spec.verification.samples": samples,
            },
            None,
        )
        for alerting, samples in ((True, "0"), (False, "5"))
    ),
    (
        "rollback-observable",
        {"spec.rollback.automatic": True, "spec.monitoring.alerting": False},
        None,
    ),
    (
        "rollback-observable",
        {"spec.rollback.automatic": True, "spec.verification.samples": "0"},
        None,
    ),
    (
        "rollback-observable",
        {
            "spec.rollback.automatic": True,
            "spec.monitoring.alerting": False,
            "spec.verification.samples": "0",
        },
        "automatic rollback is asked for, with no alert and no verification to trigger it",
    ),
    (
        "rollback-observable",
        {
            "spec.rollback.automatic": True,
            "spec.monitoring": {"enabled": False, "alerting": True},
            "spec.verification.samples": "0",
        },
        "automatic rollback is asked for, with no alert and no verification to trigger it",
    ),
    ("field-acted-on", {SERVING + "auth": "api-key"}, None),
    ("field-acted-on", {SERVING + "grpc": True}, None),
    ("field-acted-on", {SERVING + "limits": {"max_rows": "5"}}, None),
    (
        "field-acted-on",
        {"spec.rollback.bake": "5m"},
        "rollback.bake is not acted on by this version of the platform",
    ),
    ("field-acted-on", {}, None),
    # In binary floating point each of these two drops is not 0.02.
    ("regression-accuracy", {P + "metrics": {"accuracy": "0.96"}}, None),
    ("regression-f1", {M + "f1_score": "0.88", P + "metrics": {"f1_score": "0.90"}}, None),
    (
        "regression-accuracy",
        {P + "metrics": {"accuracy": "0.9601"}},
        "accuracy 0.94 is more than 0.02 below the previous version's 0.9601",
    ),
    (
        "regression-f1",
        {P + "metrics": {"f1_score": "0.9201"}},
        "F1 score 0.90 is more than 0.02 below the previous version's 0.9201",
    ),
    ("regression-accuracy", {P + "version": "2.0.0"}, None),
    ("regression-accuracy", {P + "metrics": {"accuracy": "0.95"}}, None),
    ("regression-accuracy", {P + "metrics": {"accuracy": "0.50"}}, None),
    ("regression-accuracy", {P + "metrics": {"accuracy": "1"}, "spec.metrics": None}, None),
    ("regression-latency", {SERVING + "latency_p99_ms": "100", P + "latency_p99_ms": "100"}, None),
    ("regression-latency", {SERVING + "latency_p99_ms": "100"}, None),
    ("regression-latency", {P + "latency_p99_ms": "100"}, None),
    (
        "regression-accuracy",
        {P + "metrics": {"accuracy": "0.96" + "0" * 40 + "1"}},
        f"accuracy 0.94 is more than 0.02 below the previous version's 0.96{'0' * 40}1",
    ),
    ("regression-latency", {SERVING + "latency_p99_ms": "150", P + "latency_p99_ms": "100"}, None),
    (
        "regression-latency",
        {SERVING + "latency_p99_ms": "150.1", P + "latency_p99_ms": "100"},
        "p99 latency 150.1 ms is more than 1.5 times the previous version's 100 ms",
    ),
    ("training-sample-size", {"spec.training.sample_size": "1000"}, None),
    (
        "training-sample-size",
        {"spec.training.sample_size": "999"},
        "training used 999 samples, fewer than 1000",
    ),
    (
        "training-sample-size",
        {"spec.training.sample_size": "100"},
        "training used 100 samples, fewer than 1000",
    ),
    (
        "training-sample-size",
        {"spec.training.sample_size": "99"},
        "training used 99 samples, fewer than 100",
    ),
]
