"""What rules on workloads say of a changed stack, word for word."""

from typing import Any

from mlifecycle.governance.rule import Path
from tests.policy.objects import ABSENT, BOX, DIGEST, POD

# Rule, object, place, value there, and what is said.
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
]
