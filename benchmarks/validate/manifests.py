"""A seeded set of manifests: the seed's, with edits that pass and edits that break a rule.

No value lies where a difference of two binary fractions could fall on either side of a threshold;
values that stand at a threshold themselves are there.
"""

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

import yaml

SEED_MANIFEST = Path(__file__).parents[2] / "examples" / "valid" / "model-manifest.yaml"
REFUSED_SHARE = 0.3
# No field may be empty in a manifest, so None can stand for a field that is taken away.
ABSENT = None
# For each field, by its path below spec, the values to choose from.
Edit = Mapping[str, Sequence[Any]]

_WATCHED = {"enabled": True, "drift_detection": True, "alerting": True}
_LIMITED = {"limits": {"memory": "512Mi"}}
_PASSING: tuple[Edit, ...] = (
    {"metrics.accuracy": (0.88, 0.9, 0.9321, 0.97), "metrics.f1_score": (0.80, 0.8001, 0.93)},
    {"metrics.sample_size": (60, 200, 400, 50_000)},
    {"fairness.demographic_parity": (-0.0999, 0, 0.07), "fairness.equalized_odds": (-0.05, 0.01)},
    {"drift.score": (0, 0.10, 0.1001, 0.2, 0.2999)},
    {"drift.reference_date": ("2019-02-28", "2024-02-29", "2026-06-01")},
    {"drift.reference_date": (ABSENT,)},
    {"training.sample_size": (100, 999, 1000, 2_000_000)},
    {"model.framework": ("sklearn", "xgboost", "lightgbm", "onnx")},
    {"model.uri": ("gs://models/a/v1", "models:/fraud/1", "abfss://store/v1", "oci://r.io/m:1")},
    {"dependencies": (["Scikit_Learn>=1.3", "pandas~=2.1"], ["torch[opt]>=2.0,<3"], ["numpy"], [])},
    {"dependencies": (["torch==1.8.2", "numpy!=1.18.0,>=1.17"], ["torch<=1.8.1", "keras === 3.1"])},
    {
        "dependencies": (
            ['torch>=2.0; python_version < "3.13"', "scikit.learn>=1", "tensorflow>2.3"],
        )
    },
    {"data_sources": ([{"source": "s3://approved-data-eu/2025/a.parquet", "approved": True}],)},
    {"data_sources": ([{"source": "gs://ml-datasets-x/", "approved": True}],)},
    {"inference.autoscaling": ({"min_replicas": 3, "max_replicas": 10}, {"max_replicas": 4}, {})},
    {"inference.replicas": (3, 5)},
    {"inference.resources": (_LIMITED, {"limits": {"cpu": 2, "memory": "1.5Gi"}})},
    {"inference.resources": ({"requests": {"cpu": "500m"}, "limits": {"memory": 536870912}},)},
    {"inference.grpc": (True, False), "ownership.notify": (["risk-team"],)},
    {"inference.latency_p99_ms": (150, 151, 40.5), "previous_version.latency_p99_ms": (100,)},
    {"previous_version.metrics.accuracy": (0.85, 0.87), "previous_version.version": ("2.0.0",)},
    {"previous_version.metrics.f1_score": (0.7, 0.81)},
    {"monitoring": (_WATCHED, {"enabled": True}, {**_WATCHED, "alerting": False})},
    {"monitoring": ({**_WATCHED, "request_logging": False, "thresholds": {"error_rate": 0.01}},)},
    {"explainability.method": ("shap", " ")},
    {"rollback": ({"automatic": True, "bake": "10m"}, {"automatic": False})},
    {"verification.samples": (1, 5)},
)
_BREAKING: tuple[Edit, ...] = (
    {"metrics.accuracy": (0, 0.78, 0.8499)},
    {"metrics.f1_score": (0.7999, 0.5, ABSENT)},
    {"metrics": (ABSENT, {"precision": 0.9})},
    {"fairness": (ABSENT, {}, {"demographic_parity": 0.01})},
    {"fairness.demographic_parity": (0.10, 0.2, -0.10, -1)},
    {"fairness.equalized_odds": (0.1001, -0.4, ABSENT)},
    {"drift.score": (0.30, 0.9, 12, ABSENT)},
    {"drift": (ABSENT,)},
    {"drift.reference_date": ("2099-01-01", "2100-12-31")},
    {"training.sample_size": (0, 99)},
    {"model.framework": ("caffe", "PyTorch", "scikit-learn")},
    {"model.experiment_id": (ABSENT, "", "  ")},
    {"model.uri": ("https://models.example.com/fraud/v1", "hf://org/model", "runs:/abc/model")},
    {"dependencies": (["nunpy>=1.24"], ["torch>=2.0", "requests==2.32"], ["torch_geometric"])},
    {"dependencies": (["torch==1.8.1"], ["Torch == 1.8.0+cu111"], ["tensorflow===2.3.0"])},
    {"dependencies": (["torch==1.8.*"], ["numpy==1.18"], ['numpy>=1,==1.18.0.0; extra == "x"'])},
    {"data_sources": (ABSENT, [], [{"approved": True}])},
    {"data_sources": ([{"source": "transactions-prod"}], [{"source": "s3://approved-data-"}])},
    {"data_sources": ([{"source": "transactions-prod-evil", "approved": True}],)},
    {"data_sources": ([{"source": "s3://approved-data-x/../y", "approved": True}],)},
    {"data_sources": ([{"source": "transactions-prod", "approved": False}],)},
    {"inference.resources": ({}, {"limits": {"cpu": "1"}}, {"requests": {"memory": "1Gi"}})},
    {"inference.resources": ({"limits": {"memory": "512MB"}}, {"limits": {"memory": "0Mi"}})},
    {"inference.resources": ({**_LIMITED, "requests": {"cpu": "0.0"}},)},
    {"inference.autoscaling": ({"min_replicas": 1, "max_replicas": 10}, {"min_replicas": 2})},
    {"inference.replicas": (1, 2)},
    {"monitoring": ({}, {"enabled": False}, {"drift_detection": True, "alerting": True})},
    {
        "monitoring": ({**_WATCHED, "alerting": False},),
        "rollback.automatic": (True,),
        "verification.samples": (0,),
    },
    {"previous_version.metrics.accuracy": (0.9999, 1)},
    {"previous_version.metrics.f1_score": (0.98,)},
)


def write_manifests(folder: Path, count: int, seed: int) -> None:
    """Write `count` manifests with names of their own; of them `REFUSED_SHARE` break a rule."""
    random = Random(seed)  # noqa: S311 - a repeatable set, no secret
    original = yaml.safe_load(SEED_MANIFEST.read_text())
    broken = set(random.sample(range(count), round(count * REFUSED_SHARE)))
    for number in range(count):
        document = copy.deepcopy(original)
        name = f"model-{number:04}"
        document["metadata"]["name"] = document["spec"]["model"]["name"] = name
        edits = random.sample(_PASSING, random.randint(0, 6))
        if number in broken:
            edits += random.sample(_BREAKING, random.randint(1, 2))
        for edit in edits:
            for path, values in edit.items():
                _set(document["spec"], path.split("."), copy.deepcopy(random.choice(values)))
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(document, sort_keys=False))


def _set(section: dict[str, Any], path: Sequence[str], value: Any) -> None:
    """Put a value at a path, with the sections above it, or take it away."""
    *above, last = path
    for step in above:
        section = section.setdefault(step, {})
    if value is ABSENT:
        section.pop(last, None)
    else:
        section[last] = value
