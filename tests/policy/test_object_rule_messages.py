"""What each rule on Kubernetes objects says, word for word."""

from typing import Any

import pytest

from mlifecycle.governance.rule import Path
from tests.policy.objects import ABSENT, BOX, DIGEST, POD, RULES, changed, messages

CASES: list[tuple[str, str, Path, Any, list[str]]] = [
    (
        "rel-pdb",
        "PodDisruptionBudget",
        ("spec",),
        {
            "minAvailable": 3,
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
            "selector": {"matchLabels": {"app.kubernetes.io/name": "fraud"}},
        },
        ["PodDisruptionBudget fraud with minAvailable 3 lets no pod of Deployment fraud go"],
    ),
    (
        "rel-rollout",
        "Deployment",
        ("spec", "minReadySeconds"),
        0,
        ["spec.minReadySeconds is 0, so a pod counts the moment it first answers"],
    ),
    (
        "rel-pdb",
        "PodDisruptionBudget",
        ("spec", "unhealthyPodEvictionPolicy"),
        ABSENT,
        [
            "PodDisruptionBudget fraud: unhealthyPodEvictionPolicy is not set,"
            " not AlwaysAllow or IfHealthyBudget"
        ],
    ),
    (
        "id-token",
        "Deployment",
        (*POD, "volumes", 0),
        {"name": "t", "projected": {"sources": [{"serviceAccountToken": {"path": "x"}}]}},
        ["volume t holds a serviceAccountToken"],
    ),
    (
        "lbl-recommended",
        "Service",
        ("metadata", "labels", "app.kubernetes.io/instance"),
        ABSENT,
        ["label app.kubernetes.io/instance is missing"],
    ),
    (
        "img-digest",
        "Deployment",
        (*BOX, "image"),
        "ghcr.io/x/y:1",
        ["container inference: image ghcr.io/x/y:1 is not named by a sha256 digest"],
    ),
    (
        "img-no-latest",
        "Deployment",
        (*BOX, "image"),
        "ghcr.io/x/y",
        ["container inference: image ghcr.io/x/y has no tag, which means latest"],
    ),
    (
        "img-registry-allowlist",
        "Deployment",
        (*BOX, "image"),
        f"quay.io/x/y:1@{DIGEST}",
        [
            f"container inference: image quay.io/x/y:1@{DIGEST} comes from quay.io/x/y, not an accepted registry"
        ],
    ),
    (
        "img-registry-allowlist",
        "Deployment",
        (*BOX, "image"),
        "Not An Image",
        ["container inference: image Not An Image is no image reference"],
    ),
    (
        "img-scan-evidence",
        "Deployment",
        ("spec", "template", "metadata", "annotations"),
        ABSENT,
        ["annotation mlifecycle.io/scan-evidence is missing on the pods"],
    ),
    (
        "res-requests",
        "Deployment",
        (*BOX, "resources", "requests", "cpu"),
        "0",
        ["container inference: resources.requests.cpu is 0, not an amount above 0"],
    ),
    (
        "res-memory-limit",
        "Deployment",
        (*BOX, "resources", "limits", "memory"),
        ABSENT,
        ["container inference: resources.limits.memory is not set, not an amount above 0"],
    ),
    (
        "res-cpu-limit",
        "Deployment",
        (*BOX, "resources", "limits", "cpu"),
        "lots",
        ["container inference: resources.limits.cpu is lots, not an amount above 0"],
    ),
    (
        "res-ephemeral",
        "Deployment",
        (*POD, "volumes", 0, "emptyDir"),
        {},
        ["volume tmp: emptyDir.sizeLimit is not set, not an amount above 0"],
    ),
    (
        "rel-probes",
        "Deployment",
        (*BOX, "startupProbe"),
        ABSENT,
        ["container inference: startupProbe is missing"],
    ),
    (
        "rel-rollout",
        "Deployment",
        ("spec", "strategy"),
        {"type": "Recreate"},
        ["spec.strategy.type is Recreate, not RollingUpdate"],
    ),
    (
        "rel-rollout",
        "Deployment",
        ("spec", "strategy", "rollingUpdate", "maxUnavailable"),
        1,
        ["spec.strategy.rollingUpdate.maxUnavailable is 1, not 0 or less than 25%"],
    ),
    (
        "rel-rollout",
        "Deployment",
        ("spec", "revisionHistoryLimit"),
        1,
        ["spec.revisionHistoryLimit is 1, less than 2"],
    ),
    (
        "rel-rollout",
        "Deployment",
        ("spec", "progressDeadlineSeconds"),
        ABSENT,
        ["spec.progressDeadlineSeconds is not set, not 1 to 3600 seconds"],
    ),
    (
        "rel-spread",
        "Deployment",
        (*POD, "topologySpreadConstraints"),
        ABSENT,
        [
            "neither topologySpreadConstraints nor podAntiAffinity keeps the pods of Deployment fraud apart"
        ],
    ),
    (
        "rel-replicas",
        "HorizontalPodAutoscaler",
        ("spec", "minReplicas"),
        2,
        ["Deployment fraud: replicas can be 2, fewer than 3"],
    ),
    (
        "rel-hpa",
        "Deployment",
        ("spec", "replicas"),
        3,
        ["Deployment fraud: spec.replicas is set, but HorizontalPodAutoscaler fraud sets it"],
    ),
    (
        "rel-hpa",
        "HorizontalPodAutoscaler",
        ("spec", "minReplicas"),
        7,
        ["HorizontalPodAutoscaler fraud: minReplicas 7 is more than maxReplicas 6"],
    ),
    (
        "rel-hpa",
        "HorizontalPodAutoscaler",
        ("spec", "scaleTargetRef", "name"),
        "other",
        [
            "Deployment fraud has 0 HorizontalPodAutoscalers, not one",
            "HorizontalPodAutoscaler fraud: scaleTargetRef Deployment other is not in the stack",
        ],
    ),
    (
        "rel-hpa",
        "HorizontalPodAutoscaler",
        ("apiVersion",),
        "autoscaling/v1",
        ["HorizontalPodAutoscaler fraud: apiVersion is autoscaling/v1, not autoscaling/v2"],
    ),
    (
        "rel-pdb",
        "PodDisruptionBudget",
        ("spec", "maxUnavailable"),
        0,
        ["PodDisruptionBudget fraud with maxUnavailable 0 lets no pod of Deployment fraud go"],
    ),
    (
        "rel-pdb",
        "PodDisruptionBudget",
        ("spec", "selector"),
        {"matchLabels": {"a": "b"}},
        ["Deployment fraud has 0 PodDisruptionBudgets, not one"],
    ),
    (
        "net-service-type",
        "Service",
        ("spec", "type"),
        "NodePort",
        ["spec.type of Service fraud is NodePort, not ClusterIP"],
    ),
    (
        "net-service-type",
        "Service",
        ("spec", "externalIPs"),
        ["1.2.3.4"],
        ["spec.externalIPs of Service fraud has 1.2.3.4"],
    ),
    (
        "net-no-any/each",
        "NetworkPolicy/fraud",
        ("spec", "egress"),
        [{}],
        ["egress rule 0 lets out to any address: it has no to"],
    ),
    (
        "net-no-any/each",
        "NetworkPolicy/fraud",
        ("spec", "egress", 0, "to", 0, "ipBlock", "cidr"),
        "0.0.0.0/0",
        ["egress ipBlock 0.0.0.0/0 is any address"],
    ),
    (
        "net-no-any/each",
        "NetworkPolicy/fraud",
        ("spec", "egress", 0, "to", 0, "ipBlock", "cidr"),
        "169.254.0.0/16",
        ["egress ipBlock 169.254.0.0/16 contains the metadata address 169.254.169.254"],
    ),
    (
        "net-no-any/each",
        "NetworkPolicy/fraud",
        ("spec", "egress", 0, "to", 0, "ipBlock", "cidr"),
        "nonsense",
        ["egress ipBlock nonsense is no network"],
    ),
    (
        "net-default-deny",
        "NetworkPolicy/default-deny",
        ("spec", "policyTypes"),
        ["Ingress"],
        [
            "namespace models has no NetworkPolicy with an empty podSelector, policyTypes Ingress and Egress, and no rule"
        ],
    ),
    (
        "net-default-deny",
        "NetworkPolicy/default-deny",
        ("spec", "podSelector"),
        {"matchExpressions": [{"key": "a", "operator": "Exists"}]},
        [
            "namespace models has no NetworkPolicy with an empty podSelector, policyTypes Ingress and Egress, and no rule"
        ],
    ),
    (
        "net-selected",
        "NetworkPolicy/fraud",
        ("spec", "podSelector"),
        {"matchLabels": {"a": "b"}},
        [
            "no NetworkPolicy of its own selects the pods of Deployment fraud",
            "NetworkPolicy fraud selects no pod of the stack",
        ],
    ),
    (
        "id-sa",
        "Deployment",
        (*POD, "serviceAccountName"),
        "default",
        ["serviceAccountName is default, not an account of its own"],
    ),
    (
        "id-sa/exists",
        "Deployment",
        (*POD, "serviceAccountName"),
        "other",
        ["ServiceAccount other of Deployment fraud is not in the stack"],
    ),
    (
        "id-token",
        "Deployment",
        (*POD, "automountServiceAccountToken"),
        True,
        ["automountServiceAccountToken is true, not false"],
    ),
    (
        "id-token",
        "ServiceAccount",
        ("automountServiceAccountToken",),
        ABSENT,
        ["automountServiceAccountToken is not set, not false"],
    ),
    (
        "net-no-any/together",
        "NetworkPolicy/fraud",
        ("spec", "egress"),
        [{"to": [{"ipBlock": {"cidr": "0.0.0.0/2"}}, {"ipBlock": {"cidr": "64.0.0.0/2"}}]}],
        ["the egress ipBlocks of Deployment fraud together are any address: 0.0.0.0/2, 64.0.0.0/2"],
    ),
    (
        "await-kept",
        "Service",
        ("metadata", "annotations"),
        {"pulumi.com/timeoutSeconds": "7200"},
        ["annotation pulumi.com/timeoutSeconds of Service fraud is 7200, not 1 to 3600"],
    ),
    ("rbac-least", "Role", ("rules", 0, "verbs"), ["*"], ["verbs of rule 0 has the wildcard *"]),
    (
        "rbac-least",
        "Role",
        ("rules", 0, "verbs"),
        ["list"],
        ["rule 0 allows to list secrets, which shows all of them"],
    ),
    (
        "rbac-least",
        "Role",
        ("rules", 0),
        {"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles"], "verbs": ["bind"]},
        ["verbs of rule 0 has bind, which gives other rights"],
    ),
    (
        "rbac-least",
        "Role",
        ("rules", 0),
        {"apiGroups": [""], "resources": ["pods/exec"], "verbs": ["create"]},
        ["resources of rule 0 has pods/exec, which gives other rights"],
    ),
    (
        "rbac-least",
        "RoleBinding",
        ("roleRef",),
        {"kind": "ClusterRole", "name": "cluster-admin"},
        ["roleRef is cluster-admin"],
    ),
    (
        "rbac-least",
        "RoleBinding",
        ("subjects", 0),
        {"kind": "Group", "name": "system:authenticated"},
        ["subject 0 is system:authenticated, which Kubernetes gives to others"],
    ),
    (
        "sec-readonly-rootfs",
        "Deployment",
        (*BOX, "securityContext", "readOnlyRootFilesystem"),
        False,
        ["container inference: readOnlyRootFilesystem is false, not true"],
    ),
    (
        "sec-env-literal",
        "Deployment",
        (*BOX, "env", 0),
        {"name": "DB_PASSWORD", "value": "x"},
        ["container inference: env DB_PASSWORD has the name of a secret and a literal value"],
    ),
    (
        "sec-env-literal",
        "ConfigMap",
        ("data", "url"),
        "postgres://u:p4ss@h/d",
        ["data url holds a URL with a password"],
    ),
    (
        "ten-namespace",
        "Service",
        ("metadata", "namespace"),
        "kube-system",
        ["namespace kube-system of Service fraud is Kubernetes' own"],
    ),
    (
        "ten-psa-labels",
        "Namespace",
        ("metadata", "labels", "pod-security.kubernetes.io/enforce"),
        "baseline",
        [
            "label pod-security.kubernetes.io/enforce of Namespace models is baseline, not restricted"
        ],
    ),
    (
        "lbl-recommended",
        "Service",
        ("metadata", "labels", "app.kubernetes.io/version"),
        ABSENT,
        ["label app.kubernetes.io/version is missing"],
    ),
    (
        "lbl-recommended",
        "Deployment",
        ("spec", "template", "metadata", "labels", "team"),
        ABSENT,
        ["label team of the pods is missing"],
    ),
    (
        "await-kept",
        "Service",
        ("metadata", "annotations"),
        {"pulumi.com/skipAwait": "true"},
        ["annotation pulumi.com/skipAwait of Service fraud is true"],
    ),
    (
        "await-kept",
        "Ingress",
        ("metadata", "annotations"),
        {"pulumi.com/patchForce": "true"},
        ["annotation pulumi.com/patchForce of Ingress fraud is true"],
    ),
    (
        "ref-integrity",
        "Deployment",
        ("spec", "selector", "matchLabels"),
        {"a": "b"},
        ["the selector of Deployment fraud does not match its pods' labels"],
    ),
    (
        "ref-integrity",
        "Service",
        ("spec", "selector"),
        {"a": "b"},
        ["the selector of Service fraud matches no pod of the stack"],
    ),
    (
        "ref-integrity",
        "Ingress",
        ("spec", "rules", 0, "http", "paths", 0, "backend", "service", "name"),
        "other",
        ["Ingress fraud names Service other, which is not in the stack"],
    ),
    (
        "ref-integrity",
        "Ingress",
        ("spec", "rules", 0, "http", "paths", 0, "backend", "service", "port"),
        {"number": 99},
        ["Ingress fraud names port 99 of Service fraud, which has none such"],
    ),
    (
        "ref-integrity",
        "Deployment",
        (*POD, "volumes", 1, "secret", "secretName"),
        "other",
        ["Deployment fraud uses Secret other, which is not in the stack"],
    ),
    (
        "ref-integrity",
        "Deployment",
        (*BOX, "envFrom", 0, "configMapRef", "name"),
        "other",
        ["Deployment fraud uses ConfigMap other, which is not in the stack"],
    ),
]


@pytest.mark.parametrize(("key", "target", "path", "value", "expected"), CASES)
def test_a_rule_says_what_it_found_and_where(
    key: str, target: str, path: Path, value: Any, expected: list[str]
) -> None:
    assert messages(key, changed(target, (path, value))) == expected


def test_every_rule_but_those_of_pod_security_has_a_case() -> None:
    keys = {key for key in RULES if not key.startswith("pss-")}
    assert keys - {key for key, *_ in CASES} == {"sec-pulumi-secret", "object-seen"}
