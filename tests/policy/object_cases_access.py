"""The same as `object_cases`, of the rules on who may reach, do and see what."""

from typing import Any

from mlifecycle.governance.rule import Path
from tests.policy.objects import ABSENT, BOX, POD

CASES: list[tuple[str, str, Path, Any, list[str]]] = [
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
        "net-ingress/each",
        "Ingress",
        ("spec", "tls"),
        [],
        ["Ingress fraud has no TLS for fraud.models.example.com"],
    ),
    (
        "net-ingress/together",
        "Ingress",
        ("spec", "rules", 1),
        {"host": "fraud.models.example.com", "http": {"paths": [{"path": "/"}]}},
        ["Ingress fraud answers for fraud.models.example.com/, as Ingress fraud does"],
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
        "HorizontalPodAutoscaler",
        ("metadata", "annotations"),
        {"pulumi.com/skipAwait": "true"},
        ["annotation pulumi.com/skipAwait of HorizontalPodAutoscaler fraud is true"],
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
