"""The rules about probes, rollout and spread."""

from typing import Any

import pytest

from mlifecycle.governance.objects.kubernetes import POD_PATHS
from mlifecycle.governance.rule import NotDecided, Path
from tests.policy.objects import (
    ABSENT,
    POD,
    as_kind,
    changed,
    judged,
    messages,
    place,
    put,
    sound_stack,
)

SPREAD: Path = (*POD, "topologySpreadConstraints")
OWN = {"matchLabels": {"app.kubernetes.io/name": "fraud"}}
OTHERS = {"matchLabels": {"app.kubernetes.io/name": "other"}}
HOST = "kubernetes.io/hostname"


# Kinds whose pods are no replicas of each other.
ALONE = ("Pod", "DaemonSet", "Job", "CronJob", "PodTemplate")


def test_a_partition_holds_pods_back() -> None:
    body = as_kind("StatefulSet", sound_stack()[place(sound_stack(), "Deployment")])
    body["spec"]["updateStrategy"] = {"rollingUpdate": {"partition": 2}}
    assert messages("rel-rollout", [body]) == [
        "spec.updateStrategy.rollingUpdate.partition is 2, so some pods are never updated"
    ]
    body["spec"]["updateStrategy"] = {"rollingUpdate": {"partition": 0}}
    assert messages("rel-rollout", [body]) == []


ROLLING: Path = ("spec", "strategy", "rollingUpdate", "maxUnavailable")


@pytest.mark.parametrize(
    ("path", "value", "passes"),
    [
        (("spec", "strategy", "type"), "RollingUpdate", True),
        (("spec", "strategy", "type"), ABSENT, True),
        (("spec", "strategy", "type"), None, True),
        (("spec", "strategy", "type"), "Recreate", False),
        (("spec", "strategy", "type"), {}, False),
        (("spec", "strategy"), ABSENT, False),
        (ROLLING, 0.0, True),
        (ROLLING, "0%", True),
        (ROLLING, 1, False),
        (ROLLING, "1%", True),
        (ROLLING, "25%", False),
        (ROLLING, "0", False),
        (ROLLING, False, False),
        (ROLLING, None, False),
        (ROLLING, ABSENT, False),
        (("spec", "minReadySeconds"), 1, True),
        (("spec", "minReadySeconds"), 1.0, True),
        (("spec", "minReadySeconds"), 0, False),
        (("spec", "minReadySeconds"), "2", False),
        (("spec", "minReadySeconds"), None, False),
        (("spec", "minReadySeconds"), ABSENT, False),
        (("spec", "revisionHistoryLimit"), 2, True),
        (("spec", "revisionHistoryLimit"), 2.0, True),
        (("spec", "revisionHistoryLimit"), ABSENT, True),
        (("spec", "revisionHistoryLimit"), None, True),
        (("spec", "revisionHistoryLimit"), 1, False),
        (("spec", "revisionHistoryLimit"), 0, False),
        (("spec", "revisionHistoryLimit"), "10", False),
        (("spec", "progressDeadlineSeconds"), 1, True),
        (("spec", "progressDeadlineSeconds"), 599, True),
        (("spec", "progressDeadlineSeconds"), 600, False),
        (("spec", "progressDeadlineSeconds"), 3601, False),
        (("spec", "progressDeadlineSeconds"), 0, False),
        (("spec", "progressDeadlineSeconds"), True, False),
        (("spec", "progressDeadlineSeconds"), "290", False),
        (("spec", "progressDeadlineSeconds"), None, False),
        (("spec", "progressDeadlineSeconds"), ABSENT, False),
    ],
)
def test_a_rollout_loses_no_pod(path: Path, value: Any, passes: bool) -> None:
    found = messages("rel-rollout", changed("Deployment", (path, value)))
    assert (found == []) == passes
    assert all(message.startswith("spec.") for message in found)


@pytest.mark.parametrize("kind", ["StatefulSet", "DaemonSet"])
@pytest.mark.parametrize(
    ("strategy", "passes"),
    [({"type": "OnDelete"}, False), ({"type": "RollingUpdate"}, True), ({}, True), (None, True)],
)
def test_an_update_is_rolled_out(kind: str, strategy: Any, passes: bool) -> None:
    body = as_kind(kind, sound_stack()[place(sound_stack(), "Deployment")])
    body["spec"]["updateStrategy"] = strategy
    assert messages("rel-rollout", [body]) == (
        [] if passes else ["spec.updateStrategy.type is OnDelete, not RollingUpdate"]
    )


def preferred(selector: Any) -> dict[str, Any]:
    term = {"weight": 1, "podAffinityTerm": {"topologyKey": HOST, "labelSelector": selector}}
    return {"preferredDuringSchedulingIgnoredDuringExecution": [term]}


@pytest.mark.parametrize(
    ("constraints", "away", "passes"),
    [
        ([{"topologyKey": HOST, "labelSelector": OWN}], None, True),
        (
            [
                {"topologyKey": HOST, "labelSelector": OTHERS},
                {"topologyKey": HOST, "labelSelector": OWN},
            ],
            None,
            True,
        ),
        ([{"topologyKey": HOST, "labelSelector": {}}], None, True),
        ([{"topologyKey": HOST, "labelSelector": OTHERS}], None, False),
        ([{"topologyKey": HOST, "labelSelector": None}], None, False),
        ([{}], None, False),
        ([], None, False),
        (None, None, False),
        (None, {}, False),
        (None, preferred(OWN), True),
        (None, preferred(OTHERS), False),
        (
            None,
            {
                "requiredDuringSchedulingIgnoredDuringExecution": [
                    {"topologyKey": HOST, "labelSelector": OWN}
                ]
            },
            True,
        ),
        (None, {"requiredDuringSchedulingIgnoredDuringExecution": [{}]}, False),
    ],
)
@pytest.mark.parametrize("kind", POD_PATHS)
def test_pods_keep_apart(kind: str, constraints: Any, away: Any, passes: bool) -> None:
    body = sound_stack()[place(sound_stack(), "Deployment")]
    put(body, SPREAD, constraints)
    put(body, (*POD, "affinity"), {"podAntiAffinity": away})
    passes = passes or kind in ALONE
    assert (judged("rel-spread", [as_kind(kind, body)]) == []) == passes


@pytest.mark.parametrize(
    ("term", "passes"),
    [
        ({"key": "team", "operator": "In", "values": ["x", "risk"]}, True),
        ({"key": "team", "operator": "In", "values": ["x"]}, False),
        ({"key": "none", "operator": "In", "values": ["x"]}, False),
        ({"key": "team", "operator": "NotIn", "values": ["x"]}, True),
        ({"key": "team", "operator": "NotIn", "values": ["risk"]}, False),
        ({"key": "none", "operator": "NotIn", "values": ["x"]}, True),
        ({"key": "team", "operator": "Exists"}, True),
        ({"key": "none", "operator": "Exists"}, False),
        ({"key": "none", "operator": "DoesNotExist"}, True),
        ({"key": "team", "operator": "DoesNotExist"}, False),
    ],
)
def test_expressions_of_selectors_are_understood(term: dict[str, Any], passes: bool) -> None:
    constraints = [{"topologyKey": HOST, "labelSelector": {"matchExpressions": [term]}}]
    assert (judged("rel-spread", changed("Deployment", (SPREAD, constraints))) == []) == passes


def test_an_expression_that_nobody_knows_is_not_decided() -> None:
    constraints = [
        {
            "topologyKey": HOST,
            "labelSelector": {"matchExpressions": [{"key": "team", "operator": "Gt"}]},
        }
    ]
    with pytest.raises(NotDecided, match="operator Gt"):
        judged("rel-spread", changed("Deployment", (SPREAD, constraints)))


@pytest.mark.parametrize(
    ("value", "passes"),
    [
        *((0, True), ("0%", True), ("24%", True), (0.0, True)),
        *(
            ("25%", False),
            (1, False),
            ("1000%", False),
            (None, False),
            ("x%", False),
            (ABSENT, False),
        ),
    ],
)
def test_hardly_any_pod_is_taken_away(value: Any, passes: bool) -> None:
    path: Path = ("spec", "strategy", "rollingUpdate", "maxUnavailable")
    assert (messages("rel-rollout", changed("Deployment", (path, value))) == []) == passes


@pytest.mark.parametrize(("paused", "passes"), [(True, False), (False, True), (None, True)])
def test_a_paused_deployment_is_no_rollout(paused: Any, passes: bool) -> None:
    found = messages("rel-rollout", changed("Deployment", (("spec", "paused"), paused)))
    assert found == ([] if passes else ["spec.paused is true, so no pod is ever updated"])


@pytest.mark.parametrize(("wait", "passes"), [("301", True), ("300", False), ("x", True)])
def test_a_rollout_fails_before_the_engine_stops_waiting(wait: str, passes: bool) -> None:
    path: Path = ("metadata", "annotations", "pulumi.com/timeoutSeconds")
    stack = changed("Deployment", (path, wait), (("spec", "progressDeadlineSeconds"), 300))
    assert messages("rel-rollout", stack) == (
        []
        if passes
        else [
            "spec.progressDeadlineSeconds is 300, not less than the engine waits"
            f" (pulumi.com/timeoutSeconds {wait})"
        ]
    )


@pytest.mark.parametrize("key", ["", None])
def test_a_spread_over_nothing_is_none(key: Any) -> None:
    stack = changed("Deployment", ((*SPREAD, 0, "topologyKey"), key))
    assert len(messages("rel-spread", stack)) == 1
