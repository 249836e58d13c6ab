"""The rules about replicas, autoscaling and disruption."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from mlifecycle.governance.rule import Path
from tests.policy.objects import (
    ABSENT,
    TERMS,
    as_kind,
    changed,
    judged,
    messages,
    place,
    put,
    sound_stack,
)

OWN = {"matchLabels": {"app.kubernetes.io/name": "fraud"}}
OTHERS = {"matchLabels": {"app.kubernetes.io/name": "other"}}
ONE = {"maxUnavailable": 1, "minAvailable": None}
SCALER = "HorizontalPodAutoscaler"
BUDGET = "PodDisruptionBudget"


@pytest.mark.parametrize(
    ("fewest", "replicas", "message"),
    [
        (3, None, None),
        (4.0, None, None),
        (3, 1, None),
        (2, None, "replicas can be 2, fewer than 3"),
        (2, 5, "replicas can be 2, fewer than 3"),
        (None, None, "replicas can be 1, fewer than 3"),
        ("3", None, "replicas can be 0, fewer than 3"),
    ],
)
def test_the_autoscalers_minimum_counts(fewest: Any, replicas: Any, message: str | None) -> None:
    stack = changed(SCALER, (("spec", "minReplicas"), fewest))
    put(stack[place(stack, "Deployment")], ("spec", "replicas"), replicas)
    found = messages("rel-replicas", stack)
    assert found == ([] if message is None else [f"Deployment fraud: {message}"])


@pytest.mark.parametrize(
    ("replicas", "passes"), [(3, True), (3.0, True), (2, False), (None, False), ("3", False)]
)
@pytest.mark.parametrize(
    "kind", ["Deployment", "StatefulSet", "ReplicaSet", "ReplicationController"]
)
def test_replicas_count_where_nothing_scales(kind: str, replicas: Any, passes: bool) -> None:
    body = sound_stack()[place(sound_stack(), "Deployment")]
    sole = {**as_kind(kind, body), "apiVersion": "apps/v1"}
    sole["spec"]["replicas"] = replicas
    found = judged("rel-replicas", [sole])
    assert (found == []) == passes
    assert all(objection.subject == f"{kind} models/fraud" for objection in found)


@pytest.mark.parametrize(("restart", "passes"), [("Always", False), ("Never", True)])
def test_a_bare_pod_is_one_replica(restart: str, passes: bool) -> None:
    body = as_kind("Pod", sound_stack()[place(sound_stack(), "Deployment")])
    body["spec"]["restartPolicy"] = restart
    assert messages("rel-replicas", [body]) == (
        [] if passes else ["Pod fraud: replicas can be 1, fewer than 3"]
    )


def test_the_owners_number_decides() -> None:
    stack = changed(SCALER, (("spec", "minReplicas"), 1))
    assert judged("rel-replicas", stack, terms=replace(TERMS, threshold=Decimal(1))) == []
    assert judged("rel-replicas", stack, terms=replace(TERMS, threshold=Decimal(2))) != []


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        (("spec", "minReplicas"), 6, None),
        (("spec", "minReplicas"), 7, "minReplicas 7 is more than maxReplicas 6"),
        (("spec", "minReplicas"), None, None),
        (("spec", "maxReplicas"), None, "minReplicas 3 is more than maxReplicas 0"),
        (("spec", "maxReplicas"), "6", "minReplicas 3 is more than maxReplicas 0"),
        (("apiVersion",), "autoscaling/v1", "apiVersion is autoscaling/v1, not autoscaling/v2"),
    ],
)
def test_an_autoscaler_is_sound(path: Path, value: Any, problem: str | None) -> None:
    found = messages("rel-hpa", changed(SCALER, (path, value)))
    assert found == ([] if problem is None else [f"{SCALER} fraud: {problem}"])


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("spec", "scaleTargetRef", "name"), "other"),
        (("spec", "scaleTargetRef", "kind"), "StatefulSet"),
        (("spec", "scaleTargetRef", "apiVersion"), "v1"),
        (("spec", "scaleTargetRef"), None),
        (("metadata", "namespace"), "elsewhere"),
    ],
)
def test_an_autoscaler_scales_what_is_there(path: Path, value: Any) -> None:
    dangling, missing = sorted(messages("rel-hpa", changed(SCALER, (path, value))), reverse=True)
    assert dangling.startswith("HorizontalPodAutoscaler fraud: scaleTargetRef ")
    assert missing == "Deployment fraud has 0 HorizontalPodAutoscalers, not one"
    assert len(messages("ref-integrity", changed(SCALER, (path, value)))) == 1


def test_a_model_has_one_autoscaler() -> None:
    stack = sound_stack()
    stack.append({**stack[place(stack, SCALER)]})
    assert messages("rel-hpa", stack) == [
        "Deployment fraud has 2 HorizontalPodAutoscalers, not one"
    ]


def test_what_serves_no_model_needs_no_autoscaler() -> None:
    stack = changed("Deployment", (("spec", "template", "metadata", "labels"), {}))
    del stack[place(stack, SCALER)]
    assert judged("rel-hpa", stack) == []


@pytest.mark.parametrize("replicas", [0, 3, "3"])
def test_nothing_but_the_autoscaler_sets_replicas(replicas: Any) -> None:
    (objection,) = judged("rel-hpa", changed("Deployment", (("spec", "replicas"), replicas)))
    assert objection.message.startswith("Deployment fraud: spec.replicas is set, but ")
    assert objection.subject == "Deployment models/fraud"


@pytest.mark.parametrize(
    ("fields", "passes"),
    [
        ({"maxUnavailable": 1}, True),
        ({"maxUnavailable": 1.0}, True),
        ({"maxUnavailable": "1%"}, True),
        ({"maxUnavailable": "34%"}, True),
        ({"maxUnavailable": 0}, False),
        ({"maxUnavailable": "0%"}, False),
        ({"maxUnavailable": -1}, False),
        ({"maxUnavailable": "1"}, False),
        ({"maxUnavailable": True}, False),
        ({"maxUnavailable": []}, False),
        ({"minAvailable": 2}, True),
        ({"minAvailable": 3}, False),
        ({"minAvailable": -1}, False),
        ({"minAvailable": "66%"}, True),
        ({"minAvailable": "67%"}, False),
        ({"minAvailable": "100%"}, False),
        ({"minAvailable": "1000%"}, False),
        ({"minAvailable": "half"}, False),
        ({"minAvailable": "²%"}, False),
        ({}, False),
        ({"maxUnavailable": None, "minAvailable": None}, False),
    ],
)
def test_a_budget_lets_a_pod_go(fields: dict[str, Any], passes: bool) -> None:
    spec = {"selector": OWN, "unhealthyPodEvictionPolicy": "AlwaysAllow", **fields}
    found = judged("rel-pdb", changed(BUDGET, (("spec",), spec)))
    assert (found == []) == passes
    for objection in found:
        assert objection.message.startswith("PodDisruptionBudget fraud with ")
        assert objection.message.endswith(" lets no pod of Deployment fraud go")
        assert objection.subject == "PodDisruptionBudget models/fraud"


@pytest.mark.parametrize(
    "fields",
    [
        {"maxUnavailable": "100%"},
        {"maxUnavailable": 3},
        {"minAvailable": 0},
        {"minAvailable": "0%"},
    ],
)
def test_a_budget_keeps_a_pod(fields: dict[str, Any]) -> None:
    spec = {"selector": OWN, "unhealthyPodEvictionPolicy": "AlwaysAllow", **fields}
    stack = changed(BUDGET, (("spec",), spec))
    assert messages("rel-pdb", stack) == [
        "PodDisruptionBudget fraud lets every pod of Deployment fraud go"
    ]
    # Of one pod, nobody can keep any.
    put(stack[place(stack, SCALER)], ("spec", "minReplicas"), 1)
    put(stack[place(stack, BUDGET)], ("spec",), {**spec, **ONE})
    assert messages("rel-pdb", stack) == []


@pytest.mark.parametrize(
    ("path", "value", "passes"),
    [
        (("spec", "selector"), {}, True),
        (("spec", "selector"), OTHERS, False),
        (("spec", "selector"), None, False),
        (("spec", "selector"), ABSENT, False),
        (("metadata", "namespace"), "elsewhere", False),
        (("apiVersion",), "example.org/v1", False),
    ],
)
def test_every_workload_has_a_budget(path: Path, value: Any, passes: bool) -> None:
    found = messages("rel-pdb", changed(BUDGET, (path, value)))
    assert found == ([] if passes else ["Deployment fraud has 0 PodDisruptionBudgets, not one"])


def test_what_has_no_replicas_hides_nothing_behind_it() -> None:
    stack = sound_stack()
    body = stack[place(stack, "Deployment")]
    job = as_kind("Job", body)
    job["metadata"] = {**job["metadata"], "name": "train"}
    del stack[place(stack, BUDGET)]
    assert messages("rel-pdb", [job, *stack]) == [
        "Deployment fraud has 0 PodDisruptionBudgets, not one"
    ]
    body["spec"]["selector"] = {"matchLabels": {"a": "b"}}
    assert messages("ref-integrity", [job, *stack])[0] == (
        "the selector of Deployment fraud does not match its pods' labels"
    )


def test_two_budgets_block_every_drain() -> None:
    stack = sound_stack()
    stack.append({**stack[place(stack, BUDGET)]})
    assert messages("rel-pdb", stack) == ["Deployment fraud has 2 PodDisruptionBudgets, not one"]


@pytest.mark.parametrize(("fewest", "found"), [(1, 0), (2, 1)])
def test_one_pod_needs_no_budget(fewest: int, found: int) -> None:
    stack = changed(SCALER, (("spec", "minReplicas"), fewest))
    del stack[place(stack, BUDGET)]
    assert len(judged("rel-pdb", stack)) == found


@pytest.mark.parametrize(
    ("policy", "passes"),
    [("AlwaysAllow", True), ("IfHealthyBudget", True), ("Sometimes", False), ("", False)],
)
def test_a_budget_says_what_of_pods_that_are_not_healthy(policy: str, passes: bool) -> None:
    found = messages("rel-pdb", changed(BUDGET, (("spec", "unhealthyPodEvictionPolicy"), policy)))
    shown = policy or "empty"
    message = f"PodDisruptionBudget fraud: unhealthyPodEvictionPolicy is {shown}"
    assert found == ([] if passes else [f"{message}, not AlwaysAllow or IfHealthyBudget"])


def test_a_budget_has_one_number() -> None:
    assert messages("rel-pdb", changed(BUDGET, (("spec", "minAvailable"), 1))) == [
        "PodDisruptionBudget fraud has both minAvailable and maxUnavailable,"
        " and the cluster takes one"
    ]
