"""Every rule on Kubernetes objects: each workload and container, and what is not known."""

from copy import deepcopy
from typing import Any

import pytest

from mlifecycle.governance.objects import images
from mlifecycle.governance.objects.kubernetes import CONTAINER_FIELDS, POD_PATHS
from mlifecycle.governance.objects.values import UNKNOWN
from mlifecycle.governance.rule import NotDecided, Path, Rule
from tests.policy.objects import (
    BOX,
    DIGEST,
    POD,
    RULES,
    STACK_KEYS,
    as_kind,
    changed,
    judged,
    messages,
    place,
    put,
    sound_stack,
)


@pytest.mark.parametrize("key", RULES)
def test_the_sound_stack_passes(key: str) -> None:
    assert judged(key, sound_stack()) == []


@pytest.mark.parametrize("rule", RULES.values(), ids=list(RULES))
def test_every_rule_says_what_why_and_what_to_do(rule: Rule[Any]) -> None:
    for sentence in (rule.title, rule.reason, rule.remediation):
        assert sentence
        assert not sentence.endswith(".")
        assert "\n" not in sentence
    assert ("{threshold}" in rule.title) == rule.has_threshold
    assert rule.frameworks


# A violation in a container or a pod, for each rule about pods.
IN_CONTAINERS: tuple[tuple[str, Path, Any], ...] = (
    ("img-digest", ("image",), "ghcr.io/fraud/x:1"),
    ("img-no-latest", ("image",), "ghcr.io/fraud/x"),
    ("img-registry-allowlist", ("image",), f"quay.io/x@{DIGEST}"),
    ("res-requests", ("resources", "requests", "cpu"), None),
    ("res-memory-limit", ("resources", "limits", "memory"), None),
    ("res-cpu-limit", ("resources", "limits", "cpu"), None),
    ("res-ephemeral", ("resources", "limits", "ephemeral-storage"), None),
    ("sec-readonly-rootfs", ("securityContext", "readOnlyRootFilesystem"), False),
    ("sec-env-literal", ("env", 0, "name"), "DB_PASSWORD"),
)
IN_PODS: tuple[tuple[str, Path, Any], ...] = (
    ("id-sa", ("spec", "serviceAccountName"), "default"),
    ("id-token", ("spec", "automountServiceAccountToken"), True),
    ("img-scan-evidence", ("metadata", "annotations"), None),
    ("lbl-recommended", ("metadata", "labels", "team"), ""),
    ("id-sa/exists", ("spec", "serviceAccountName"), "other"),
    ("net-selected", ("metadata", "labels", "app.kubernetes.io/name"), "other"),
    ("ref-integrity", ("spec", "volumes", 1, "secret", "secretName"), "other"),
)
FIELD_WORDS = {
    "containers": "container inference",
    "initContainers": "init container inference",
    "ephemeralContainers": "ephemeral container inference",
}


@pytest.mark.parametrize("kind", POD_PATHS)
@pytest.mark.parametrize("field", CONTAINER_FIELDS)
@pytest.mark.parametrize(("key", "path", "value"), IN_CONTAINERS)
def test_every_container_of_every_workload_is_judged(
    key: str, path: Path, value: Any, field: str, kind: str
) -> None:
    body = sound_stack()[place(sound_stack(), "Deployment")]
    sound = as_kind(kind, body)
    assert judged(key, [sound]) == []
    box = deepcopy(body["spec"]["template"]["spec"]["containers"][0])
    put(box, path, value)
    body["spec"]["template"]["spec"][field] = [box]
    found = judged(key, [as_kind(kind, body)])
    if key.startswith("res-") and field == "ephemeralContainers":
        # Kubernetes gives them no resources.
        assert found == []
    else:
        (objection,) = found
        assert objection.message.startswith(FIELD_WORDS[field])
        start = (*POD_PATHS[kind], "spec", field, 0)
        assert objection.path[: len(start)] == start


@pytest.mark.parametrize("kind", POD_PATHS)
@pytest.mark.parametrize(("key", "path", "value"), IN_PODS)
def test_every_pod_of_every_workload_is_judged(key: str, path: Path, value: Any, kind: str) -> None:
    def stack_with(body: dict[str, Any]) -> list[dict[str, Any]]:
        stack = sound_stack()
        stack[place(stack, "Deployment")] = as_kind(kind, body)
        return stack

    body = sound_stack()[place(sound_stack(), "Deployment")]
    before = messages(key, stack_with(body))
    put(body["spec"]["template"], path, value)
    after = messages(key, stack_with(body))
    # A PodTemplate makes no pod by itself, so only what it says is judged.
    assert (len(after) > len(before)) == (key not in STACK_KEYS or kind != "PodTemplate")


@pytest.mark.parametrize(
    ("kind", "version"),
    [("Rollout", "argoproj.io/v1alpha1"), ("Service", "serving.knative.dev/v1")],
)
def test_kinds_that_others_made_have_pods_too(kind: str, version: str) -> None:
    body = sound_stack()[place(sound_stack(), "Deployment")]
    body |= {"kind": kind, "apiVersion": version}
    assert judged("img-digest", [body]) == []
    put(body, (*BOX, "image"), "ghcr.io/fraud/x:1")
    assert len(judged("img-digest", [body])) == 1
    put(body, (*BOX, "securityContext", "privileged"), True)
    assert len(judged("pss-privileged", [body])) == 1
    assert len(judged("rel-replicas", [body])) == 1


@pytest.mark.parametrize("spec", [None, {}, {"template": None}, {"template": {"spec": {"x": 1}}}])
def test_what_has_no_template_of_pods_makes_none(spec: Any) -> None:
    body = {"kind": "SealedSecret", "apiVersion": "bitnami.com/v1alpha1", "spec": spec}
    assert judged("img-digest", [body]) == judged("id-token", [body]) == []


# Rule, object and place of a value that it needs.
NEEDED: tuple[tuple[str, str, Path], ...] = (
    ("img-digest", "Deployment", (*BOX, "image")),
    ("img-no-latest", "Deployment", (*BOX, "image")),
    ("img-registry-allowlist", "Deployment", (*BOX, "image")),
    ("img-scan-evidence", "Deployment", (*BOX, "image")),
    ("img-scan-evidence", "Deployment", ("spec", "template", "metadata", "annotations")),
    ("res-requests", "Deployment", (*BOX, "resources", "requests", "cpu")),
    ("res-memory-limit", "Deployment", (*BOX, "resources", "limits", "memory")),
    ("res-cpu-limit", "Deployment", (*BOX, "resources")),
    ("res-ephemeral", "Deployment", (*POD, "volumes", 0, "emptyDir", "sizeLimit")),
    ("rel-probes", "Deployment", (*BOX, "startupProbe")),
    ("rel-rollout", "Deployment", ("spec", "strategy", "rollingUpdate", "maxUnavailable")),
    ("rel-spread", "Deployment", (*POD, "topologySpreadConstraints", 0, "labelSelector")),
    ("rel-replicas", "HorizontalPodAutoscaler", ("spec", "minReplicas")),
    ("rel-hpa", "HorizontalPodAutoscaler", ("spec", "maxReplicas")),
    ("rel-hpa", "Deployment", ("spec", "replicas")),
    ("rel-pdb", "PodDisruptionBudget", ("spec", "maxUnavailable")),
    ("net-service-type", "Service", ("spec", "type")),
    ("net-no-any/each", "NetworkPolicy/fraud", ("spec", "egress", 0, "to", 0, "ipBlock", "cidr")),
    ("net-ingress/each", "Ingress", ("spec", "tls", 0, "hosts", 0)),
    ("net-ingress/each", "Ingress", ("spec", "rules", 0, "host")),
    ("net-ingress/together", "Ingress", ("spec", "rules", 0, "host")),
    ("net-default-deny", "NetworkPolicy/default-deny", ("spec", "policyTypes", 0)),
    ("net-selected", "NetworkPolicy/fraud", ("spec", "podSelector")),
    ("id-sa", "Deployment", (*POD, "serviceAccountName")),
    ("id-sa/exists", "Deployment", (*POD, "serviceAccountName")),
    ("id-token", "ServiceAccount", ("automountServiceAccountToken",)),
    ("rbac-least", "Role", ("rules", 0, "verbs", 0)),
    ("rbac-least", "RoleBinding", ("roleRef", "name")),
    ("sec-readonly-rootfs", "Deployment", (*BOX, "securityContext", "readOnlyRootFilesystem")),
    ("sec-env-literal", "Deployment", (*BOX, "env", 0, "value")),
    ("sec-env-literal", "ConfigMap", ("data", "LOG_LEVEL")),
    ("ten-namespace", "Service", ("metadata", "namespace")),
    ("ten-psa-labels", "Namespace", ("metadata", "labels", "pod-security.kubernetes.io/warn")),
    ("lbl-recommended", "Service", ("metadata", "labels", "team")),
    ("await-kept", "Service", ("metadata", "annotations", "pulumi.com/skipAwait")),
    ("ref-integrity", "Service", ("spec", "selector", "app.kubernetes.io/name")),
)


@pytest.mark.parametrize(("key", "target", "path"), NEEDED)
def test_what_is_not_known_is_not_decided(key: str, target: str, path: Path) -> None:
    with pytest.raises(NotDecided, match="not known before"):
        judged(key, changed(target, (path, UNKNOWN)))


@pytest.mark.parametrize("key", [rule.key for rule in images.OBJECT_RULES])
def test_what_a_rule_does_not_need_may_be_unknown(key: str) -> None:
    stack = changed("Deployment", ((*BOX, "env"), UNKNOWN), (("spec", "replicas"), UNKNOWN))
    assert judged(key, stack) == []
