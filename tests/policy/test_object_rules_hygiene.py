"""The rules about places, labels and waiting."""

from typing import Any

import pytest

from mlifecycle.governance.rule import Path
from tests.policy.objects import (
    ABSENT,
    as_kind,
    changed,
    judged,
    messages,
    place,
    sound_stack,
)

SKIP = "pulumi.com/skipAwait"
FORCE = "pulumi.com/patchForce"
RECOMMENDED = ("name", "version", "component", "part-of", "managed-by")
COMMON = [f"app.kubernetes.io/{name}" for name in RECOMMENDED]
OF_WORKLOADS = ["app", "version", "team"]


@pytest.mark.parametrize("value", [ABSENT, None, ""])
@pytest.mark.parametrize("label", [*COMMON, *OF_WORKLOADS])
def test_objects_are_labelled(label: str, value: Any) -> None:
    common = label in COMMON
    path: Path = ("metadata", "labels", label)
    missing = f"label {label} is missing"
    service = changed("Service", (path, value))
    assert messages("lbl-recommended", service) == ([missing] if common else [])
    assert messages("lbl-recommended", changed("Deployment", (path, value))) == [missing]
    template = changed("Deployment", (("spec", "template", *path), value))
    assert messages("lbl-recommended", template) == [f"label {label} of the pods is missing"]


@pytest.mark.parametrize(
    ("value", "legal"),
    [
        ("a", True),
        ("2.1.0_build-5", True),
        ("a" * 63, True),
        ("a" * 64, False),
        ("-a", False),
        ("a-", False),
        ("a+b", False),
        ("a b", False),
        ("a\n", False),
        ("é", False),
        (5, False),
        (True, False),
        ([], False),
    ],
)
@pytest.mark.parametrize("label", ["team", "app.kubernetes.io/version"])
def test_a_labels_value_is_legal(label: str, value: Any, legal: bool) -> None:
    stack = changed("Service", (("metadata", "labels", label), value))
    found = messages("lbl-recommended", stack)
    assert (found == []) == legal
    assert all(message.endswith("no legal label value") for message in found)


def test_a_namespace_needs_no_such_labels_and_a_pod_is_told_once() -> None:
    body = sound_stack()[place(sound_stack(), "Deployment")]
    pod = as_kind("Pod", body)
    del pod["metadata"]["labels"]["team"]
    assert messages("lbl-recommended", [pod]) == ["label team is missing"]
    assert judged("lbl-recommended", changed("Namespace", (("metadata", "labels"), None))) == []


@pytest.mark.parametrize("annotation", [SKIP, FORCE])
@pytest.mark.parametrize(
    ("value", "passes"),
    [("true", False), ("TRUE", False), (True, False), ([], False), ("false", True), (None, True)],
)
def test_the_engine_waits(annotation: str, value: Any, passes: bool) -> None:
    kind = "HorizontalPodAutoscaler"
    stack = changed(kind, (("metadata", "annotations", annotation), value))
    found = messages("await-kept", stack)
    assert (found == []) == passes
    assert all(
        message.startswith(f"annotation {annotation} of {kind} fraud is") for message in found
    )


@pytest.mark.parametrize(
    ("seconds", "passes"),
    [
        ("1", True),
        ("3600", True),
        (600, True),
        ("3601", False),
        ("0", False),
        ("-1", False),
        ("1e3", False),
        ("10m", False),
        ("9" * 5000, False),
        ("", False),
        ([], False),
    ],
)
def test_the_engine_waits_for_a_time_that_ends(seconds: Any, passes: bool) -> None:
    change = (("metadata", "annotations", "pulumi.com/timeoutSeconds"), seconds)
    assert (judged("await-kept", changed("Deployment", change)) == []) == passes


@pytest.mark.parametrize(
    ("kind", "passes"),
    [("Deployment", False), ("Service", False), ("Ingress", False), ("NetworkPolicy/fraud", True)],
)
def test_what_the_engine_waits_for_is_its_own_choice(kind: str, passes: bool) -> None:
    """Elsewhere the annotation only adds to what is waited for."""
    change = (("metadata", "annotations", "pulumi.com/waitFor"), "jsonpath={.metadata.name}")
    found = messages("await-kept", changed(kind, change))
    assert (found == []) == passes
    assert all("pulumi.com/waitFor of" in message for message in found)


@pytest.mark.parametrize(
    ("kind", "annotation", "passes"),
    [
        ("Deployment", SKIP, True),
        ("Deployment", FORCE, True),
        ("Service", SKIP, True),
        ("Service", FORCE, False),
        ("Ingress", SKIP, True),
        ("Ingress", FORCE, False),
        ("HorizontalPodAutoscaler", SKIP, False),
    ],
)
def test_what_we_verify_ourselves_may_be_skipped(kind: str, annotation: str, passes: bool) -> None:
    change = (("metadata", "annotations", annotation), "true")
    assert (judged("await-kept", changed(kind, change)) == []) == passes
    foreign = (("metadata", "labels", "app.kubernetes.io/part-of"), "other")
    assert judged("await-kept", changed(kind, change, foreign)) != []


@pytest.mark.parametrize("key", ["bad key!", "-a", "A.example/x", "a/b/c", "a" * 64, ""])
def test_a_labels_name_is_legal(key: str) -> None:
    stack = changed("Service", (("metadata", "labels", key), "x"))
    assert [
        message.endswith("has no legal name") for message in messages("lbl-recommended", stack)
    ] == [True]


BOX_OF_OTHERS = {"containers": [{"name": "x", "image": "evil/x:latest"}]}


@pytest.mark.parametrize(
    ("kind", "version", "spec", "hidden"),
    [
        ("PyTorchJob", "kubeflow.org/v1", {"m": {"template": {"spec": BOX_OF_OTHERS}}}, True),
        ("InferenceService", "serving.kserve.io/v1", {"predictor": BOX_OF_OTHERS}, True),
        ("Job", "batch.volcano.sh/v1", {"tasks": [{"template": {"spec": BOX_OF_OTHERS}}]}, True),
        ("Rollout", "argoproj.io/v1", {"template": {"spec": BOX_OF_OTHERS}}, False),
        ("ServiceMonitor", "monitoring.coreos.com/v1", {"endpoints": [{"port": "x"}]}, False),
        ("Policy", "kyverno.io/v1", {"pattern": {"containers": [{"image": "*@*"}]}}, False),
    ],
)
def test_pods_that_no_rule_can_see_are_said(
    kind: str, version: str, spec: dict[str, Any], hidden: bool
) -> None:
    body = {"apiVersion": version, "kind": kind, "metadata": {"name": "x"}, "spec": spec}
    assert messages("object-seen", [body]) == (
        [f"{kind} x makes pods that no rule can see"] if hidden else []
    )


@pytest.mark.parametrize(
    ("version", "kind", "words"),
    [
        ("serving.kserve.io/v1beta1", "InferenceService", "makes pods"),
        ("helm.cattle.io/v1", "HelmChart", "makes pods"),
        ("helm.toolkit.fluxcd.io/v2", "HelmRelease", "makes pods"),
        ("argoproj.io/v1alpha1", "Application", "makes pods"),
        ("argoproj.io/v1alpha1", "AppProject", None),
        ("cilium.io/v2", "CiliumNetworkPolicy", "lets traffic through"),
        ("crd.projectcalico.org/v1", "GlobalNetworkPolicy", "lets traffic through"),
        ("cilium.io/v2", "CiliumLoadBalancerIPPool", None),
        ("monitoring.coreos.com/v1", "ServiceMonitor", None),
        ("networking.k8s.io/v1", "NetworkPolicy", None),
    ],
)
def test_what_others_make_of_an_object_is_said_to_be_unseen(
    version: str, kind: str, words: str | None
) -> None:
    body = {"apiVersion": version, "kind": kind, "metadata": {"name": "x"}, "spec": {}}
    found = messages("object-seen", [body])
    thing = "that no rule can see"
    assert found == ([f"{kind} x {words} {thing}"] if words else [])
