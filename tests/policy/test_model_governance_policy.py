"""The pack's policies, asked as the engine asks them."""

from typing import Any

import pytest
from pulumi_policy import EnforcementLevel, ResourceValidationArgs
from pulumi_policy.proxy import unknown_checking_proxy

from mlifecycle.manifest.loading import load_paths
from mlifecycle.manifest.plain import to_plain
from policy_pack.model_governance import MODEL_DEPLOYMENT, model_governance_policies
from tests.sandbox import SEED_MANIFEST


def plain() -> dict[str, Any]:
    return to_plain(load_paths([SEED_MANIFEST])[0].manifest)


def violations(manifest: dict[str, Any], kind: str = MODEL_DEPLOYMENT) -> dict[str, list[str]]:
    """What each policy reports about a resource with that manifest."""
    found: dict[str, list[str]] = {}
    for policy in model_governance_policies():
        args = ResourceValidationArgs(
            resource_type=kind,
            props=unknown_checking_proxy({"manifest": manifest}),
            urn="urn:x",
            name="fraud-detector",
            opts=None,
            provider=None,
        )
        policy.validate(
            args, lambda message, urn, name=policy.name: found.setdefault(name, []).append(message)
        )
    return found


def test_the_seeds_model_violates_nothing() -> None:
    assert violations(plain()) == {}


def test_low_accuracy_violates_with_the_printed_text() -> None:
    manifest = plain()
    manifest["spec"]["metrics"]["accuracy"] = "0.78"
    (message,) = violations(manifest)["model-governance"]
    assert message.startswith("fraud-detector\n❌ Model failed governance check")
    assert "- Model accuracy 0.78 is below minimum threshold 0.85" in message


def test_every_violation_of_a_model_is_in_one_message() -> None:
    manifest = plain()
    manifest["spec"]["metrics"] |= {"accuracy": "0.78", "f1_score": "0.79"}
    (message,) = violations(manifest)["model-governance"]
    assert "accuracy 0.78" in message
    assert "F1 score 0.79" in message


def test_other_resources_are_not_looked_at() -> None:
    assert violations({}, kind="kubernetes:core/v1:Service") == {}


def test_a_model_without_a_readable_manifest_is_no_pass() -> None:
    manifest = plain()
    manifest["spec"]["metrics"]["accuracy"] = "high"
    with pytest.raises(ArithmeticError):
        violations(manifest)


def test_the_policy_that_refuses_is_mandatory() -> None:
    levels = {policy.name: policy.enforcement_level for policy in model_governance_policies()}
    assert levels == {
        "model-governance": EnforcementLevel.MANDATORY,
        "model-governance-advice": EnforcementLevel.ADVISORY,
    }
