"""The rule that what objects name is there."""

from typing import Any

import pytest

from mlifecycle.governance.rule import Path
from tests.policy.objects import (
    BOX,
    POD,
    as_kind,
    changed,
    judged,
    messages,
    place,
    sound_stack,
)

INGRESS: Path = ("spec", "rules", 0, "http", "paths", 0, "backend")
VOLUME: Path = (*POD, "volumes", 1)
NOWHERE = {"name": "nowhere"}


@pytest.mark.parametrize(
    ("target", "path", "value", "message"),
    [
        (
            "Deployment",
            ("spec", "selector", "matchLabels"),
            {"app": "x"},
            "the selector of Deployment fraud does not match its pods' labels",
        ),
        (
            "Deployment",
            ("spec", "selector"),
            None,
            "the selector of Deployment fraud does not match its pods' labels",
        ),
        (
            "Service",
            ("spec", "selector"),
            {"app": "x"},
            "the selector of Service fraud matches no pod of the stack",
        ),
        ("Service", ("spec", "selector"), None, None),
        (
            "Ingress",
            (*INGRESS, "service", "name"),
            "nowhere",
            "Ingress fraud names Service nowhere, which is not in the stack",
        ),
        (
            "Ingress",
            INGRESS,
            {},
            "Ingress fraud names Service empty, which is not in the stack",
        ),
        ("Ingress", INGRESS, {"resource": {"kind": "Bucket", "name": "x"}}, None),
        ("Ingress", (*INGRESS, "service", "port"), {"number": 80}, None),
        ("Ingress", (*INGRESS, "service", "port"), {"number": 80.0}, None),
        (
            "Ingress",
            (*INGRESS, "service", "port"),
            {"number": 8080},
            "Ingress fraud names port 8080 of Service fraud, which has none such",
        ),
        (
            "Ingress",
            (*INGRESS, "service", "port"),
            {"name": "grpc"},
            "Ingress fraud names port grpc of Service fraud, which has none such",
        ),
        (
            "Ingress",
            (*INGRESS, "service", "port"),
            None,
            "Ingress fraud names port not set of Service fraud, which has none such",
        ),
        (
            "Ingress",
            ("spec", "defaultBackend"),
            {"service": NOWHERE},
            "Ingress fraud names Service nowhere, which is not in the stack",
        ),
        (
            "PodDisruptionBudget",
            ("spec", "selector", "matchLabels"),
            {"app": "x"},
            "PodDisruptionBudget fraud selects no pod of the stack",
        ),
        (
            "HorizontalPodAutoscaler",
            ("spec", "scaleTargetRef", "name"),
            "nowhere",
            "HorizontalPodAutoscaler fraud scales nowhere, which is not in the stack",
        ),
        (
            "Deployment",
            (*VOLUME, "secret", "secretName"),
            "nowhere",
            "Deployment fraud uses Secret nowhere, which is not in the stack",
        ),
        ("Deployment", (*VOLUME, "secret"), {"secretName": "nowhere", "optional": True}, None),
        (
            "Deployment",
            VOLUME,
            {"name": "x", "configMap": NOWHERE},
            "Deployment fraud uses ConfigMap nowhere, which is not in the stack",
        ),
        (
            "Deployment",
            VOLUME,
            {"name": "x", "projected": {"sources": [{"secret": NOWHERE}]}},
            "Deployment fraud uses Secret nowhere, which is not in the stack",
        ),
        ("Deployment", VOLUME, {"name": "x", "configMap": {"name": "kube-root-ca.crt"}}, None),
        (
            "Deployment",
            (*BOX, "envFrom", 0),
            {"secretRef": NOWHERE},
            "Deployment fraud uses Secret nowhere, which is not in the stack",
        ),
        (
            "Deployment",
            (*BOX, "env", 0),
            {"name": "x", "valueFrom": {"configMapKeyRef": NOWHERE}},
            "Deployment fraud uses ConfigMap nowhere, which is not in the stack",
        ),
        (
            "Deployment",
            (*BOX, "env", 0),
            {"name": "x", "valueFrom": {"secretKeyRef": {"name": "fraud", "key": "key"}}},
            None,
        ),
        (
            "ConfigMap",
            ("metadata", "namespace"),
            "elsewhere",
            "Deployment fraud uses ConfigMap fraud, which is not in the stack",
        ),
    ],
)
def test_what_objects_name_is_there(
    target: str, path: Path, value: Any, message: str | None
) -> None:
    found = judged("ref-integrity", changed(target, (path, value)))
    assert [objection.message for objection in found] == ([] if message is None else [message])
    assert all(objection.subject for objection in found)


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "Pod", "Job"])
def test_no_workload_chooses_anothers_pods(kind: str) -> None:
    stack = sound_stack()
    twin = as_kind(kind, stack[place(stack, "Deployment")])
    twin["metadata"] = {**twin["metadata"], "name": "twin"}
    if kind in ("Deployment", "StatefulSet"):
        twin["spec"]["selector"] = {"matchLabels": {"app.kubernetes.io/name": "fraud"}}
    found = messages("ref-integrity", [*stack, twin])
    assert f"the selector of Deployment fraud matches the pods of {kind} twin as well" in found
    assert len(found) == (2 if kind in ("Deployment", "StatefulSet") else 1)
    twin["metadata"]["namespace"] = "elsewhere"
    assert not any("as well" in message for message in messages("ref-integrity", [*stack, twin]))


def test_a_replication_controllers_selector_is_a_map_of_labels() -> None:
    stack = sound_stack()
    at = place(stack, "Deployment")
    del stack[place(stack, "HorizontalPodAutoscaler")]
    stack[at] = as_kind("ReplicationController", stack[at])
    assert judged("ref-integrity", stack) == []
    stack[at]["spec"]["selector"] = {"app": "other"}
    assert len(judged("ref-integrity", stack)) == 1


@pytest.mark.parametrize(
    ("port", "passes"), [("http", True), (8080, True), (None, True), ("https", False)]
)
def test_a_service_leads_to_a_port_of_its_pods(port: Any, passes: bool) -> None:
    stack = changed("Service", (("spec", "ports", 0, "targetPort"), port))
    assert messages("ref-integrity", stack) == (
        [] if passes else ["Service fraud leads to port https, which its pods do not have"]
    )


def test_a_binding_names_a_role_that_is_there() -> None:
    stack = changed("RoleBinding", (("roleRef", "name"), "ghost"))
    assert messages("ref-integrity", stack) == [
        "RoleBinding fraud names Role ghost, which is not in the stack"
    ]
    cluster = {"kind": "ClusterRole", "name": "view"}
    assert messages("ref-integrity", changed("RoleBinding", (("roleRef",), cluster))) == []


def test_a_claim_is_there() -> None:
    volume = {"name": "data", "persistentVolumeClaim": {"claimName": "ghost"}}
    stack = changed("Deployment", ((*POD, "volumes", 2), volume))
    assert messages("ref-integrity", stack) == [
        "Deployment fraud uses PersistentVolumeClaim ghost, which is not in the stack"
    ]


@pytest.mark.parametrize(
    ("version", "kind", "spec", "makes"),
    [
        ("external-secrets.io/v1", "ExternalSecret", {"target": {"name": "made"}}, True),
        ("external-secrets.io/v1", "ExternalSecret", {}, False),
        (
            "bitnami.com/v1alpha1",
            "SealedSecret",
            {"template": {"metadata": {"name": "made"}}},
            True,
        ),
        ("cert-manager.io/v1", "Certificate", {"secretName": "made"}, True),
        ("example.com/v1", "Certificate", {"secretName": "made"}, False),
    ],
)
def test_a_secret_that_an_operator_makes_is_there(
    version: str, kind: str, spec: Any, makes: bool
) -> None:
    stack = changed("Deployment", (VOLUME, {"name": "x", "secret": {"secretName": "made"}}))
    namespace = stack[place(stack, "Deployment")]["metadata"]["namespace"]
    metadata = {"name": "x", "namespace": namespace}
    stack.append({"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec})
    message = "Deployment fraud uses Secret made, which is not in the stack"
    assert messages("ref-integrity", stack) == ([] if makes else [message])


@pytest.mark.parametrize(("name", "passes"), [("fraud", True), ("nowhere", False)])
def test_the_service_of_a_stateful_set_is_there(name: str, passes: bool) -> None:
    stack = sound_stack()
    number = place(stack, "Deployment")
    made = as_kind("StatefulSet", stack[number])
    made["spec"] |= {"serviceName": name, "selector": stack[number]["spec"]["selector"]}
    stack[number] = made
    message = f"StatefulSet fraud names Service {name}, which is not in the stack"
    assert (message not in messages("ref-integrity", stack)) == passes


@pytest.mark.parametrize(("labels", "passes"), [({"app": "fraud"}, True), ({"a": "nope"}, False)])
def test_a_service_monitor_finds_a_service(labels: dict[str, str], passes: bool) -> None:
    stack = sound_stack()
    stack[place(stack, "Service")]["metadata"]["labels"]["app"] = "fraud"
    body = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "ServiceMonitor",
        "metadata": {"name": "x"},
        "spec": {"selector": {"matchLabels": labels}},
    }
    message = "ServiceMonitor x selects no Service of the stack"
    assert messages("ref-integrity", [*stack, body]) == ([] if passes else [message])
