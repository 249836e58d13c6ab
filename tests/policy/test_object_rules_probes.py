"""Probes: each of the objects' rules on them, on both sides of its boundary."""

from typing import Any

import pytest

from mlifecycle.governance.objects.kubernetes import POD_PATHS
from mlifecycle.governance.objects.values import UNKNOWN
from mlifecycle.governance.rule import NotDecided
from tests.policy.objects import (
    ABSENT,
    BOX,
    POD,
    as_kind,
    changed,
    judged,
    messages,
    place,
    sound_stack,
)


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


def test_init_containers_need_no_probes() -> None:
    stack = changed("Deployment", ((*POD, "initContainers"), [{"name": "init"}]))
    assert judged("rel-probes", stack) == []


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


def test_two_commands_of_unknown_words_may_be_two() -> None:
    command = {"exec": {"command": ["check", UNKNOWN]}}
    stack = changed(
        "Deployment", ((*BOX, "readinessProbe"), command), ((*BOX, "livenessProbe"), command)
    )
    with pytest.raises(NotDecided, match="not known before"):
        messages("rel-probes", stack)
