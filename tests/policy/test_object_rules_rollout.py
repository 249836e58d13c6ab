"""The rules about probes, rollout and spread."""

from typing import Any

import pytest

from mlifecycle.governance.objects.kubernetes import POD_PATHS
from mlifecycle.governance.objects.values import UNKNOWN
from mlifecycle.governance.rule import NotDecided, Path
from tests.policy.objects import (
    ABSENT,
    BOX,
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
    ("ready", "alive", "same"),
    [
        ({"httpGet": {"port": 8080}}, {"httpGet": {"port": "http"}}, True),
        ({"httpGet": {"port": 8080, "path": "/"}}, {"httpGet": {"port": 8080.0}}, True),
        ({"httpGet": {"port": 8080, "scheme": "HTTP"}}, {"httpGet": {"port": 8080}}, True),
        ({"httpGet": {"port": 8080, "path": "/a"}}, {"httpGet": {"port": 8080}}, False),
        ({"tcpSocket": {"port": 8080}}, {"tcpSocket": {"port": "http"}}, True),
        ({"tcpSocket": {"port": 8080}}, {"httpGet": {"port": 8080}}, False),
        ({"grpc": {"port": 8080, "service": "a"}}, {"grpc": {"port": 8080}}, False),
    ],
)
def test_one_question_in_two_spellings_is_one(ready: Any, alive: Any, same: bool) -> None:
    stack = changed(
        "Deployment", ((*BOX, "readinessProbe"), ready), ((*BOX, "livenessProbe"), alive)
    )
    message = "container inference: livenessProbe asks just what readinessProbe asks"
    assert messages("rel-probes", stack) == ([message] if same else [])


def test_an_empty_handler_asks_nothing() -> None:
    found = messages("rel-probes", changed("Deployment", ((*BOX, "startupProbe"), {"exec": {}})))
    assert found == ["container inference: startupProbe is missing"]


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


def test_two_commands_of_unknown_words_may_be_two() -> None:
    command = {"exec": {"command": ["check", UNKNOWN]}}
    stack = changed(
        "Deployment", ((*BOX, "readinessProbe"), command), ((*BOX, "livenessProbe"), command)
    )
    with pytest.raises(NotDecided, match="not known before"):
        messages("rel-probes", stack)
