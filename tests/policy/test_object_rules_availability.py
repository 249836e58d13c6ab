"""The rules about probes, rollout, replicas, autoscaling and disruption."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from mlifecycle.governance.objects.kubernetes import POD_PATHS
from mlifecycle.governance.rule import NotDecided, Path
from tests.policy.objects import (
    ABSENT,
    BOX,
    POD,
    TERMS,
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
SCALER = "HorizontalPodAutoscaler"
BUDGET = "PodDisruptionBudget"
# Kinds whose pods are no replicas of each other.
ALONE = ("Pod", "DaemonSet", "Job", "CronJob", "PodTemplate")


@pytest.mark.parametrize("probe", ["startupProbe", "readinessProbe", "livenessProbe"])
@pytest.mark.parametrize(
    ("value", "passes"),
    [
        ({"httpGet": {"port": 8080}}, True),
        ({"httpGet": {"port": 8080.0}}, True),
        ({"tcpSocket": {"port": "http"}}, True),
        ({"exec": {"command": ["x"]}}, True),
        ({"grpc": {"port": 8080}}, True),
        ({"httpGet": None}, False),
        ({"periodSeconds": 5}, False),
        ({}, False),
        (None, False),
        (ABSENT, False),
    ],
)
def test_each_probe_asks_something(probe: str, value: Any, passes: bool) -> None:
    found = messages("rel-probes", changed("Deployment", ((*BOX, probe), value)))
    assert found == ([] if passes else [f"container inference: {probe} is missing"])


@pytest.mark.parametrize("handler", ["httpGet", "tcpSocket", "grpc"])
@pytest.mark.parametrize(
    ("port", "shown"),
    [(8081, "8081"), ("https", "https"), (None, "not set"), (True, "true"), ({}, "{}")],
)
def test_a_probe_asks_a_port_of_the_container(handler: str, port: Any, shown: str) -> None:
    stack = changed("Deployment", ((*BOX, "startupProbe"), {handler: {"port": port}}))
    assert messages("rel-probes", stack) == [
        f"container inference: startupProbe asks port {shown}, which is no port of the container"
    ]


@pytest.mark.parametrize(
    ("timeout", "period", "passes"),
    [
        (None, None, True),
        (9, None, True),
        (10, None, False),
        (None, 2, True),
        (2, 3.0, True),
        (2, 2, False),
        (3.0, 2.0, False),
    ],
)
def test_a_probe_has_answered_before_the_next(timeout: Any, period: Any, passes: bool) -> None:
    stack = changed(
        "Deployment",
        ((*BOX, "startupProbe", "timeoutSeconds"), timeout),
        ((*BOX, "startupProbe", "periodSeconds"), period),
    )
    assert messages("rel-probes", stack) == (
        []
        if passes
        else [f"container inference: startupProbe waits {timeout} s, not less than its period"]
    )


def test_alive_is_not_ready() -> None:
    """A pod that is busy must lose its traffic, not its life."""
    same = {"httpGet": {"path": "/health", "port": "http"}}
    stack = changed("Deployment", ((*BOX, "readinessProbe"), {**same, "periodSeconds": 5}))
    assert messages("rel-probes", stack) == [
        "container inference: livenessProbe asks just what readinessProbe asks"
    ]


@pytest.mark.parametrize("kind", POD_PATHS)
@pytest.mark.parametrize("restart", [ABSENT, None, "Always", "OnFailure", "Never"])
def test_what_ends_by_itself_needs_no_probes(kind: str, restart: Any) -> None:
    body = sound_stack()[place(sound_stack(), "Deployment")]
    del body["spec"]["template"]["spec"]["containers"][0]["livenessProbe"]
    if restart is not ABSENT:
        body["spec"]["template"]["spec"]["restartPolicy"] = restart
    ends = kind in ("Job", "CronJob", "PodTemplate") or (
        kind == "Pod" and restart in ("OnFailure", "Never")
    )
    assert (judged("rel-probes", [as_kind(kind, body)]) == []) == ends


def test_a_sidecar_needs_probes_too() -> None:
    sidecar = {"name": "proxy", "restartPolicy": "Always"}
    stack = changed("Deployment", ((*POD, "initContainers"), [sidecar]))
    assert len(messages("rel-probes", stack)) == 3
    assert all("init container proxy: " in message for message in messages("rel-probes", stack))


def test_a_partition_holds_pods_back() -> None:
    body = as_kind("StatefulSet", sound_stack()[place(sound_stack(), "Deployment")])
    body["spec"]["updateStrategy"] = {"rollingUpdate": {"partition": 2}}
    assert messages("rel-rollout", [body]) == [
        "spec.updateStrategy.rollingUpdate.partition is 2, so some pods are never updated"
    ]
    body["spec"]["updateStrategy"] = {"rollingUpdate": {"partition": 0}}
    assert messages("rel-rollout", [body]) == []


def test_init_containers_need_no_probes() -> None:
    stack = changed("Deployment", ((*POD, "initContainers"), [{"name": "init"}]))
    assert judged("rel-probes", stack) == []


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
        (ROLLING, "1%", False),
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
        (("spec", "progressDeadlineSeconds"), 3600, True),
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
    term = {"weight": 1, "podAffinityTerm": {"labelSelector": selector}}
    return {"preferredDuringSchedulingIgnoredDuringExecution": [term]}


@pytest.mark.parametrize(
    ("constraints", "away", "passes"),
    [
        ([{"labelSelector": OWN}], None, True),
        ([{"labelSelector": OTHERS}, {"labelSelector": OWN}], None, True),
        ([{"labelSelector": {}}], None, True),
        ([{"labelSelector": OTHERS}], None, False),
        ([{"labelSelector": None}], None, False),
        ([{}], None, False),
        ([], None, False),
        (None, None, False),
        (None, {}, False),
        (None, preferred(OWN), True),
        (None, preferred(OTHERS), False),
        (None, {"requiredDuringSchedulingIgnoredDuringExecution": [{"labelSelector": OWN}]}, True),
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
    constraints = [{"labelSelector": {"matchExpressions": [term]}}]
    assert (judged("rel-spread", changed("Deployment", (SPREAD, constraints))) == []) == passes


def test_an_expression_that_nobody_knows_is_not_decided() -> None:
    constraints = [{"labelSelector": {"matchExpressions": [{"key": "team", "operator": "Gt"}]}}]
    with pytest.raises(NotDecided, match="operator Gt"):
        judged("rel-spread", changed("Deployment", (SPREAD, constraints)))


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
    put(stack[place(stack, BUDGET)], ("spec",), {**spec, "maxUnavailable": 1})
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
