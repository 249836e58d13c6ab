"""The pack's policies, asked as the engine asks them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pulumi_policy import EnforcementLevel, ResourceValidationArgs
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE, unknown_checking_proxy

from mlifecycle.governance.context import CONTEXT_VARIABLE
from mlifecycle.report.governance import refusal_text
from mlifecycle.stack.settings import MODEL_DEPLOYMENT
from policy_pack.model_governance import model_governance_policies
from tests.policy.manifests import CONTEXT, judged, plain

PROPS = {"environment": "production", "source": {"file": "m.yaml", "lines": "spec:7"}}


def violations(
    manifest: dict[str, Any], kind: str = MODEL_DEPLOYMENT, props: dict[str, Any] = PROPS
) -> dict[str, list[str]]:
    """What each policy reports about a resource with that manifest."""
    found: dict[str, list[str]] = {}
    for policy in model_governance_policies():
        args = ResourceValidationArgs(
            resource_type=kind,
            props=unknown_checking_proxy({**props, "manifest": manifest}),
            urn="urn:pulumi:prod::mlifecycle::x::fraud-detector",
            name="fraud-detector",
            opts=None,
            provider=None,
        )
        policy.validate(
            args, lambda message, urn, name=policy.name: found.setdefault(name, []).append(message)
        )
    return found


@pytest.fixture(autouse=True)
def _fixed_context(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "context.json"
    file.write_text(CONTEXT.model_dump_json())
    monkeypatch.setenv(CONTEXT_VARIABLE, str(file))


def test_the_seeds_model_violates_nothing_mandatory() -> None:
    assert violations(plain()).keys() == {"model-governance-advice"}


def test_low_accuracy_violates_with_the_printed_text() -> None:
    manifest = plain()
    manifest["spec"]["metrics"]["accuracy"] = "0.78"
    (message,) = violations(manifest)["model-governance"]
    assert message.startswith(
        "fraud-detector (m.yaml)\n  metrics-accuracy-minimum, line 7\n"
        "❌ Model failed governance check"
    )
    assert "- Model accuracy 0.78 is below minimum threshold 0.85" in message


def test_every_violation_of_a_model_is_in_one_message() -> None:
    manifest = plain()
    manifest["spec"]["metrics"] |= {"accuracy": "0.78", "f1_score": "0.79"}
    (message,) = violations(manifest)["model-governance"]
    assert "accuracy 0.78" in message
    assert "F1 score 0.79" in message


def test_other_resources_are_not_looked_at() -> None:
    assert violations({}, kind="kubernetes:core/v1:Service") == {}


@pytest.mark.parametrize("accuracy", ["high", UNKNOWN_STRING_VALUE, None, [1], 2])
def test_a_model_without_a_readable_manifest_is_no_pass(accuracy: object) -> None:
    manifest = plain()
    manifest["spec"]["metrics"]["accuracy"] = accuracy
    (message,) = violations(manifest)["model-governance"]
    assert "the resource's inputs are no manifest that can be judged" in message


def test_the_stack_says_by_which_levels_its_models_are_judged() -> None:
    """Not the resource: whoever makes one could choose the lenient ones."""
    lenient = {**PROPS, "environment": "development"}
    (message,) = violations(plain(), props=lenient)["model-governance"]
    assert "it names another environment than the stack's, production" in message


def test_every_model_and_finding_of_the_rules_is_reported_the_same() -> None:
    edits = {"spec.metrics.accuracy": "0.5", "spec.fairness": None, "spec.dependencies": ["x"]}
    found = violations(plain(edits))
    evaluation = judged(edits)
    (message,) = found["model-governance"]
    placed = [replace(finding, line=7) for finding in evaluation.findings]
    assert message == refusal_text("fraud-detector", "m.yaml", placed)
    assert len(found["model-governance-advice"]) == len(
        [finding for finding in evaluation.findings if not finding.refuses]
    )


def test_the_policy_that_refuses_is_mandatory() -> None:
    levels = {policy.name: policy.enforcement_level for policy in model_governance_policies()}
    assert levels == {
        "model-governance": EnforcementLevel.MANDATORY,
        "model-governance-advice": EnforcementLevel.ADVISORY,
    }
