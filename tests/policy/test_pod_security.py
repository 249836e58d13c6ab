"""The Pod Security Standards where their reference has no fixture."""

from copy import deepcopy
from typing import Any

import pytest

from mlifecycle.governance.objects.kubernetes import CONTAINER_FIELDS, POD_PATHS
from mlifecycle.governance.objects.pod_security import PSA_CHECKS
from mlifecycle.governance.objects.values import UNKNOWN
from mlifecycle.governance.rule import Objection, Path
from tests.policy.pods import (
    RULES,
    findings,
    good_container,
    good_pod,
    places,
    put,
    undecided_rules,
)

CONTEXT = "securityContext"

APP = ("spec", "containers", 0)
APPARMOR = "container.apparmor.security.beta.kubernetes.io/app"
CAPABILITIES = {"pss-capabilities-baseline", "pss-capabilities-restricted"}
SECCOMP = {"pss-seccomp-baseline", "pss-seccomp-restricted"}


NOT_FOR_WINDOWS = {
    "pss-allow-privilege-escalation",
    "pss-capabilities-restricted",
    "pss-seccomp-restricted",
}


# Of the allowed ones, those that no fixture sets.
SYSCTLS = (
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_syncookies",
)


# Rule, where a container violates it, with what, and the value that the objection names.
VIOLATIONS: tuple[tuple[str, Path, Any, str], ...] = (
    ("pss-privileged", (CONTEXT, "privileged"), True, "true"),
    ("pss-capabilities-baseline", (CONTEXT, "capabilities", "add", 0), "BPF", "BPF"),
    ("pss-capabilities-restricted", (CONTEXT, "capabilities", "add", 0), "CHOWN", "CHOWN"),
    ("pss-host-ports", ("ports", 0, "hostPort"), 80, "80"),
    ("pss-host-probes-lifecycle", ("startupProbe", "httpGet", "host"), "db", "db"),
    ("pss-host-probes-lifecycle", ("lifecycle", "preStop", "tcpSocket", "host"), "db", "db"),
    ("pss-apparmor", (CONTEXT, "appArmorProfile", "type"), "Unconfined", "Unconfined"),
    ("pss-selinux", (CONTEXT, "seLinuxOptions", "type"), "spc_t", "spc_t"),
    ("pss-selinux", (CONTEXT, "seLinuxOptions", "role"), "object_r", "object_r"),
    ("pss-proc-mount", (CONTEXT, "procMount"), "Unmasked", "Unmasked"),
    ("pss-seccomp-baseline", (CONTEXT, "seccompProfile", "type"), "Unconfined", "Unconfined"),
    ("pss-seccomp-restricted", (CONTEXT, "seccompProfile", "type"), "Unconfined", "Unconfined"),
    ("pss-windows-host-process", (CONTEXT, "windowsOptions", "hostProcess"), True, "true"),
    ("pss-allow-privilege-escalation", (CONTEXT, "allowPrivilegeEscalation"), True, "true"),
    ("pss-run-as-non-root", (CONTEXT, "runAsNonRoot"), False, "false"),
    ("pss-run-as-user", (CONTEXT, "runAsUser"), 0, "0"),
)


KINDS_OF_CONTAINER = {
    "containers": "container app",
    "initContainers": "init container app",
    "ephemeralContainers": "ephemeral container app",
}


WRONG = (None, False, True, 0, 2.5, "", "x", [], ["x"], [None], {}, {"x": {}}, UNKNOWN, [UNKNOWN])


def test_each_rule_has_its_check_in_the_reference() -> None:
    assert list(PSA_CHECKS) == list(RULES)
    assert len(set(PSA_CHECKS.values())) == len(PSA_CHECKS)


@pytest.mark.parametrize("kind", POD_PATHS)
def test_every_workload_is_checked(kind: str) -> None:
    good, bad = good_pod(), good_pod()
    bad["spec"]["hostPID"] = True
    path = (*POD_PATHS[kind], "spec", "hostPID")
    assert findings(good, kind) == {}
    assert findings(bad, kind) == {
        "pss-host-namespaces": [Objection("the pod: hostPID is true", "true", path)]
    }


@pytest.mark.parametrize("kind", ["Service", "ConfigMap", "Namespace", "List", None])
def test_an_object_that_makes_no_pod_has_nothing_to_find(kind: str | None) -> None:
    assert findings({"spec": {"hostPID": True, "containers": "x"}}, kind) == {}


@pytest.mark.parametrize("kind", POD_PATHS)
def test_an_object_without_its_pod_has_nothing_to_find(kind: str) -> None:
    for body in ({}, {"spec": None}, {"spec": {}, "metadata": None}):
        assert findings(body, kind) == {}


@pytest.mark.parametrize("field", KINDS_OF_CONTAINER)
@pytest.mark.parametrize(("rule", "place", "value", "named"), VIOLATIONS)
def test_every_kind_of_container_is_checked(
    field: str, rule: str, place: Path, value: Any, named: str
) -> None:
    assert set(KINDS_OF_CONTAINER) == set(CONTAINER_FIELDS)
    pod = good_pod()
    pod["spec"][field] = [*good_pod()["spec"]["containers"], good_container("second")]
    put(pod, ("spec", field, 0, *place), value)
    (objection,) = findings(pod)[rule]
    assert objection.message.startswith(f"{KINDS_OF_CONTAINER[field]}: ")
    assert named in objection.message
    assert objection.value == named
    assert objection.path == ("spec", field, 0, *place)


def test_each_container_that_violates_a_rule_is_named() -> None:
    pod = good_pod()
    pod["spec"]["initContainers"] = [good_container("first"), good_container("second")]
    for container in pod["spec"]["initContainers"]:
        container["securityContext"]["privileged"] = True
    assert [objection.message for objection in findings(pod)["pss-privileged"]] == [
        "init container first: securityContext.privileged is true",
        "init container second: securityContext.privileged is true",
    ]


@pytest.mark.parametrize(
    ("setting", "good", "bad", "said"),
    [
        ("runAsNonRoot", True, False, "securityContext.runAsNonRoot is false"),
        (
            "seccompProfile",
            {"type": "Localhost"},
            {"type": "Unconfined"},
            "securityContext.seccompProfile.type is Unconfined",
        ),
    ],
)
def test_a_container_and_its_pod_override_each_other(
    setting: str, good: Any, bad: Any, said: str
) -> None:
    unset = {f"container app: securityContext.{setting} is not set, nor is it for the pod"}
    expected: list[tuple[Any, Any, set[str]]] = [
        (good, good, set()),
        (good, None, set()),
        (None, good, set()),
        (None, None, unset),
        (good, bad, {f"container app: {said}"}),
        (bad, good, {f"the pod: {said}"}),
        (bad, None, {f"the pod: {said}"}),
        (None, bad, {f"container app: {said}"}),
        (bad, bad, {f"the pod: {said}", f"container app: {said}"}),
    ]
    for on_pod, on_container, messages in expected:
        pod = good_pod()
        pod["spec"]["securityContext"][setting] = on_pod
        pod["spec"]["containers"][0]["securityContext"][setting] = on_container
        found = findings(pod).values()
        assert {found_one.message for each in found for found_one in each} == messages


@pytest.mark.parametrize(
    ("place", "undecided"),
    [
        (("spec", "hostNetwork"), {"pss-host-namespaces"}),
        ((*APP, CONTEXT, "privileged"), {"pss-privileged"}),
        (("spec", CONTEXT, "runAsUser"), {"pss-run-as-user"}),
        (("spec", CONTEXT, "runAsNonRoot"), {"pss-run-as-non-root"}),
        (("spec", CONTEXT, "seccompProfile", "type"), SECCOMP),
        (("spec", "volumes"), {"pss-host-path", "pss-restricted-volumes"}),
        (("spec", "volumes", 0, "emptyDir"), {"pss-restricted-volumes"}),
        (("spec", "volumes", 0, "emptyDir", "sizeLimit"), set()),
        ((*APP, "ports", 0, "containerPort"), set()),
        ((*APP, "ports", 0, "hostPort"), {"pss-host-ports"}),
        ((*APP, "name"), set()),
        ((*APP, "image"), set()),
        (("metadata", "annotations", "other"), set()),
        (("metadata", "annotations", APPARMOR), {"pss-apparmor"}),
        (("spec", "os"), NOT_FOR_WINDOWS),
        (("spec",), set(RULES)),
    ],
)
def test_what_is_not_known_leaves_undecided_just_what_asks_it(
    place: Path, undecided: set[str]
) -> None:
    pod = good_pod()
    put(pod, place, UNKNOWN)
    assert undecided_rules(pod) == undecided


@pytest.mark.parametrize(
    ("place", "value", "rules"),
    [
        (("spec", "hostIPC"), "true", {"pss-host-namespaces"}),
        ((*APP, CONTEXT, "privileged"), "false", {"pss-privileged"}),
        (("spec", CONTEXT, "runAsUser"), "0", {"pss-run-as-user"}),
        (("spec", CONTEXT, "runAsUser"), 0.0, {"pss-run-as-user"}),
        (("spec", CONTEXT, "runAsUser"), False, {"pss-run-as-user"}),
        (("spec", CONTEXT, "runAsNonRoot"), "true", {"pss-run-as-non-root"}),
        ((*APP, CONTEXT, "allowPrivilegeEscalation"), 0, {"pss-allow-privilege-escalation"}),
        ((*APP, CONTEXT, "procMount"), ["Default"], {"pss-proc-mount"}),
        ((*APP, CONTEXT, "capabilities", "add"), [{}], CAPABILITIES),
        ((*APP, "ports", 0, "hostPort"), "0", {"pss-host-ports"}),
        (("spec", CONTEXT, "sysctls"), [{"value": "1"}], {"pss-sysctls"}),
        (("metadata", "annotations", APPARMOR), ["runtime/default"], {"pss-apparmor"}),
    ],
)
def test_a_value_of_a_wrong_type_is_objected_to(place: Path, value: Any, rules: set[str]) -> None:
    pod = good_pod()
    put(pod, place, value)
    assert set(findings(pod)) == rules


@pytest.mark.parametrize(
    ("place", "value", "rules"),
    [
        (("spec", "volumes", 0), {"name": "model", "image": {"reference": "x"}}, set()),
        (("spec", "volumes", 0), {"name": "model", "csi": {"driver": "x"}}, set()),
        (("spec", "volumes", 0), {"name": "model", "ephemeral": {}}, set()),
        (("spec", "volumes", 0), {"name": "model", "typo": {}}, {"pss-restricted-volumes"}),
        (("spec", CONTEXT, "seLinuxOptions", "type"), "container_engine_t", set()),
        ((*APP, CONTEXT, "procMount"), "", {"pss-proc-mount"}),
        (("metadata", "annotations", APPARMOR), "runtime/default", set()),
        (("metadata", "annotations", APPARMOR), "localhost/own", set()),
        (("metadata", "annotations", APPARMOR), "localhost", {"pss-apparmor"}),
        *((("spec", CONTEXT, "sysctls"), [{"name": name}], set()) for name in SYSCTLS),
        (("spec", CONTEXT, "sysctls"), [{"name": "net.core.somaxconn"}], {"pss-sysctls"}),
    ],
)
def test_the_edges_of_what_is_allowed(place: Path, value: Any, rules: set[str]) -> None:
    pod = good_pod()
    put(pod, place, value)
    assert set(findings(pod)) == rules


@pytest.mark.parametrize(
    "place",
    [
        ("spec", "initContainers"),
        ("spec", "volumes"),
        ("spec", CONTEXT, "sysctls"),
        ("spec", CONTEXT, "seLinuxOptions"),
        (*APP, "ports"),
        (*APP, "livenessProbe"),
        (*APP, "lifecycle"),
        (*APP, CONTEXT, "capabilities", "add"),
        ("spec", "volumes", 0, "emptyDir"),
        ("spec", "os"),
        ("metadata", "annotations"),
    ],
)
def test_null_is_as_if_not_given(place: Path) -> None:
    pod = good_pod()
    put(pod, place, None)
    assert findings(pod) == {}


def test_whatever_stands_anywhere_a_rule_at_most_does_not_decide() -> None:
    pod = good_pod()
    put(pod, ("spec", "os", "name"), "linux")
    put(pod, ("spec", "volumes", 1), {"name": "node", "hostPath": {"path": "/"}})
    put(pod, ("metadata", "annotations", APPARMOR), "unconfined")
    for _, place, value, _ in VIOLATIONS:
        put(pod, (*APP, *place), value)
    for place in places(pod):
        for value in WRONG:
            changed = deepcopy(pod)
            put(changed, place, value)
            undecided_rules(changed)


def test_user_namespaces_relax_nothing_yet() -> None:
    pod = good_pod()
    pod["spec"]["hostUsers"] = False
    pod["spec"]["securityContext"] |= {"runAsNonRoot": False, "runAsUser": 0}
    pod["spec"]["containers"][0]["securityContext"]["procMount"] = "Unmasked"
    assert set(findings(pod)) == {"pss-run-as-non-root", "pss-run-as-user", "pss-proc-mount"}
