"""What each manifest rule says of the seed's manifest, edited: both sides of every boundary."""

from tests.policy.manifests import Edits

M = "spec.metrics."
F = "spec.fairness."
D = "spec.drift."
SERVING = "spec.inference."
P = "spec.previous_version."
LIMITS = {"limits": {"memory": "512Mi"}}


def source(name: str, approved: bool | None = True) -> Edits:
    item = {"source": name} if approved is None else {"source": name, "approved": approved}
    return {"spec.data_sources": [item]}


# Rule, edits of the seed's manifest, and the message, or None where the rule has nothing to say.
CASES: list[tuple[str, Edits, str | None]] = [
    ("metrics-present", {"spec.metrics": None}, "Model must include evaluation metrics"),
    ("metrics-present", {M + "accuracy": None}, "Model must include metric accuracy"),
    ("metrics-present", {M + "f1_score": None}, "Model must include metric f1_score"),
    ("metrics-present", {M + "precision": None, M + "recall": None}, None),
    ("metrics-accuracy-minimum", {M + "accuracy": "0.85"}, None),
    ("metrics-accuracy-minimum", {M + "accuracy": "1"}, None),
    (
        "metrics-accuracy-minimum",
        {M + "accuracy": "0.78"},
        "Model accuracy 0.78 is below minimum threshold 0.85",
    ),
    (
        "metrics-accuracy-minimum",
        {M + "accuracy": "0.8499999999999999999"},
        "Model accuracy 0.8499999999999999999 is below minimum threshold 0.85",
    ),
    (
        "metrics-accuracy-minimum",
        {M + "accuracy": "0"},
        "Model accuracy 0.00 is below minimum threshold 0.85",
    ),
    (
        "metrics-accuracy-minimum",
        {M + "accuracy": "0.84" + "9" * 40},
        f"Model accuracy 0.84{'9' * 40} is below minimum threshold 0.85",
    ),
    ("metrics-accuracy-minimum", {M + "accuracy": None}, None),
    ("metrics-f1-minimum", {M + "f1_score": "0.80"}, None),
    (
        "metrics-f1-minimum",
        {M + "f1_score": "0.799"},
        "Model F1 score 0.799 is below minimum threshold 0.80",
    ),
    # Wilson's lower bound of 0.94 crosses 0.85 between 60 and 61 samples.
    ("metrics-confidence", {M + "sample_size": "61"}, None),
    ("metrics-confidence", {"spec.metrics": None}, None),
    (
        "metrics-confidence",
        {M + "sample_size": "20", M + "accuracy": "0.85"},
        "accuracy 0.85 on 20 samples may be as low as 0.639 (95 % confidence), below 0.85",
    ),
    ("metrics-confidence", {M + "sample_size": "20", M + "accuracy": None}, None),
    (
        "metrics-confidence",
        {M + "sample_size": "60"},
        "accuracy 0.94 on 60 samples may be as low as 0.849 (95 % confidence), below 0.85",
    ),
    ("metrics-confidence", {M + "sample_size": "20", M + "accuracy": "0.84"}, None),
    (
        "fairness-present",
        {"spec.fairness": None},
        "Model must include fairness/bias evaluation metrics",
    ),
    (
        "fairness-present",
        {F + "demographic_parity": None},
        "Model must include fairness metric demographic_parity",
    ),
    (
        "fairness-present",
        {F + "equalized_odds": None},
        "Model must include fairness metric equalized_odds",
    ),
    ("fairness-demographic-parity", {F + "demographic_parity": "0.0999"}, None),
    ("fairness-demographic-parity", {F + "demographic_parity": "-0.0999"}, None),
    ("fairness-demographic-parity", {F + "demographic_parity": "0.0" + "9" * 60}, None),
    ("fairness-demographic-parity", {F + "demographic_parity": "-0.0" + "9" * 60}, None),
    (
        "fairness-demographic-parity",
        {F + "demographic_parity": "0.1"},
        "Demographic parity difference 0.10 is not below maximum threshold 0.10",
    ),
    (
        "fairness-demographic-parity",
        {F + "demographic_parity": "-0.5"},
        "Demographic parity difference -0.50 (by its size 0.50) is not below maximum"
        " threshold 0.10",
    ),
    ("fairness-equalized-odds", {F + "equalized_odds": "0.0999"}, None),
    (
        "fairness-equalized-odds",
        {F + "equalized_odds": "0.10"},
        "Equalized odds difference 0.10 is not below maximum threshold 0.10",
    ),
    ("drift-present", {"spec.drift": None}, "Model must include a drift evaluation"),
    ("drift-present", {D + "score": None}, "Model must include drift score"),
    ("drift-maximum", {D + "score": "0.2999"}, None),
    (
        "drift-maximum",
        {D + "score": "0.30"},
        "Drift score 0.30 is not below maximum threshold 0.30",
    ),
    ("drift-elevated", {D + "score": "0.05"}, None),
    ("drift-elevated", {D + "score": "0.10"}, None),
    ("drift-elevated", {D + "score": "0.31"}, None),
    ("drift-elevated", {D + "score": "0.1001"}, "drift score 0.1001 is elevated (above 0.10)"),
    ("drift-elevated", {D + "score": "0.2999"}, "drift score 0.2999 is elevated (above 0.10)"),
    ("drift-elevated", {D + "score": "0.30"}, None),
    ("drift-reference-age", {D + "reference_date": "2025-06-01"}, None),
    (
        "drift-reference-age",
        {D + "reference_date": "2025-06-02"},
        "drift reference date 2025-06-02 is in the future",
    ),
    ("drift-reference-age", {D + "reference_date": "2024-06-01"}, None),
    (
        "drift-reference-age",
        {D + "reference_date": "2024-05-31"},
        "drift reference date 2024-05-31 is 366 days old, more than 365",
    ),
    ("drift-reference-age", {D + "reference_date": None}, None),
    ("framework-approved", {"spec.model.framework": "onnx"}, None),
    (
        "framework-approved",
        {"spec.model.framework": "PyTorch"},
        "framework 'PyTorch' is not approved, did you mean pytorch?",
    ),
    (
        "framework-approved",
        {"spec.model.framework": "scikit-learn"},
        "framework 'scikit-learn' is not approved, did you mean sklearn?",
    ),
    (
        "framework-approved",
        {"spec.model.framework": "paddle"},
        "framework 'paddle' is not approved: use one of pytorch, sklearn, tensorflow, xgboost, "
        "lightgbm, onnx",
    ),
    ("dependency-approved", {"spec.dependencies": ["Scikit_Learn>=1", "uvicorn[standard]"]}, None),
    ("dependency-approved", {"spec.dependencies": None}, None),
    (
        "dependency-approved",
        {"spec.dependencies": ["torch>=2", "torch-evil>=2"]},
        "dependency torch-evil is not on the allowlist",
    ),
    ("dependency-pinned", {"spec.dependencies": ["torch~=2.0", "numpy==1.26"]}, None),
    (
        "dependency-pinned",
        {"spec.dependencies": ["torch<3"]},
        "dependency torch has no lower or exact bound (>=, == or ~=)",
    ),
    ("dependency-known-vulnerable", {"spec.dependencies": ["torch>=1.8.0"]}, None),
    ("dependency-known-vulnerable", {"spec.dependencies": ["torch==1.8.2"]}, None),
    ("dependency-known-vulnerable", {"spec.dependencies": ["pandas==1.8.0"]}, None),
    ("dependency-known-vulnerable", {"spec.dependencies": ["torch===nonsense"]}, None),
    # No exact pin: what it leads to, the lock will say.
    ("dependency-known-vulnerable", {"spec.dependencies": ["torch==1.8.*,!=1.8.0,!=1.8.1"]}, None),
    ("dependency-known-vulnerable", {"spec.dependencies": ["numpy==1.*"]}, None),
    *(
        (
            "dependency-known-vulnerable",
            {"spec.dependencies": [f"Torch{pin}"]},
            "dependency torch==1.8.0 is known to be vulnerable",
        )
        for pin in ("==1.8.0", "===1.8.0", "== 1.8", "==1.8.0+cu111", "==1.8.0; python_version>'3'")
    ),
    (
        "data-sources-present",
        {"spec.data_sources": None},
        "Model must name the data sources that it was trained on",
    ),
    (
        "data-sources-present",
        {"spec.data_sources": []},
        "Model must name the data sources that it was trained on",
    ),
    (
        "namespace-present",
        {"metadata.namespace": None},
        "Model must name the namespace that it lands in",
    ),
    ("data-source-approved", source("transactions-prod/2025/01"), None),
    ("data-source-approved", source("s3://approved-data-eu"), None),
    ("data-source-approved", source("s3://approved-data-eu/x/y"), None),
    *(
        (
            "data-source-approved",
            source(name),
            f"data source {name!r} is not on the allowlist",
        )
        for name in (
            "transactions-prod-evil",
            "Transactions-prod",
            "s3://approved-data-",
            "s3://evil/approved-data-x",
            "transactions-prod/../secret",
            "transactions-prod\nx",
            "transactions-prod/..\u200b",
            "s3://approved-data-x@evil.com/y",
            "s3://approved-data-x/%2e%2e/evil",
            "s3://approved-data-x\\..\\evil",
            "s3://approved-data- ",
            "gs://ml-datasets-\u200b",
        )
    ),
    (
        "data-source-approved",
        source("transactions-prod", approved=False),
        "data source 'transactions-prod' is not approved: true",
    ),
    (
        "data-source-approved",
        source("transactions-prod", approved=None),
        "data source 'transactions-prod' is not approved: true",
    ),
    (
        "data-source-approved",
        {"spec.data_sources": [{"approved": True}]},
        "data source 1 has no source",
    ),
    (
        "data-source-approved",
        {"spec.data_sources": [{"source": "transactions-prod", "approved": True}, {}]},
        "data source 2 has no source",
    ),
    (
        "experiment-linked",
        {"spec.model.experiment_id": None},
        "Model must be linked to its experiment",
    ),
    (
        "experiment-linked",
        {"spec.model.experiment_id": "  "},
        "Model must be linked to its experiment",
    ),
    (
        "experiment-linked",
        {"spec.model.experiment_id": "\u200b\u2800"},
        "Model must be linked to its experiment",
    ),
    (
        "experiment-linked",
        {"spec.model.experiment_id": "other"},
        "experiment 'other' is unknown to the tracking server",
    ),
]
