"""Why a rollout does not end: from what the cluster says of its pods to a cause and a next step.

Pure: `mlifecycle.release.rollout` asks the cluster.
"""

import re
from collections.abc import Callable, Iterator

from mlifecycle.release.container_causes import ended, not_made
from mlifecycle.release.observation import (
    Diagnosis,
    Object,
    Observation,
    conditions,
    status_of,
)


def diagnose(seen: Observation) -> Diagnosis | None:
    """The first cause that explains it; None while all that is seen is a rollout that goes on."""
    for check in _CHECKS:
        for diagnosis in check(seen):
            return diagnosis
    return None


def undecided(seen: Observation, seconds: float) -> Diagnosis:
    """What is left to say of a rollout whose time is up and that nothing explains."""
    status = next((status_of(pod) for pod in seen.pods), "no pod")
    warnings = [event for event in seen.events if event.get("type") == "Warning"]
    said = [str(event.get("message", "")) for event in warnings]
    return Diagnosis(
        status,
        said[-1] if said else f"not ready after {seconds:.0f} s",
        "The pods take longer to become ready than the stack allows",
        (
            "See what the server says: kubectl logs, for the pod that is named above",
            "Give it more time: mlifecycle:rolloutTimeoutSeconds",
            "Give it more processor time: spec.inference.resources",
        ),
    )


def _refused_pods(seen: Observation) -> Iterator[Diagnosis]:
    """The cluster makes no pod."""
    for item in (seen.replica_set, seen.deployment):
        for condition in conditions(item):
            if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
                message = condition.get("message", "")
                yield _refusal(message)


def _refusal(message: str) -> Diagnosis:
    status = "no pod is made"
    actions: tuple[str, ...] = ()
    if "exceeded quota" in message:
        actions = (
            "Free what other pods of the namespace hold, or raise its ResourceQuota",
            "Ask for less: spec.inference.resources, spec.inference.autoscaling.min_replicas",
        )
        return Diagnosis(status, message, "The namespace's quota is used up", actions, 10)
    if "PodSecurity" in message:
        actions = ("See the namespace's pod-security label and what the message names",)
        return Diagnosis(status, message, "Pod Security does not admit the pods", actions, 5)
    if re.search(r"ValidatingAdmissionPolicy|admission webhook|denied", message):
        actions = (
            "See which policy or webhook the message names, and who answers for it",
            "If it is the stack's own, release the image with mlifecycle up",
        )
        return Diagnosis(status, message, "An admission policy refuses the pods", actions, 10)
    return Diagnosis(status, message, "The cluster does not make the pods", actions, 20)


def _unscheduled(seen: Observation) -> Iterator[Diagnosis]:
    grows = any(event.get("reason") == "TriggeredScaleUp" for event in seen.events)
    for pod in seen.pods:
        for condition in conditions(pod):
            if condition["type"] == "PodScheduled" and condition.get("reason") == "Unschedulable":
                yield Diagnosis(
                    "Pending",
                    condition.get("message", ""),
                    "No node has room for the pod, or none may run it",
                    (
                        "Ask for less: spec.inference.resources.requests",
                        "Add nodes, or free what other pods hold",
                    ),
                    patience=600 if grows else 20,
                )


def _on_lost_nodes(seen: Observation) -> Iterator[Diagnosis]:
    for pod in seen.pods:
        node = seen.nodes.get(pod["spec"].get("nodeName") or "")
        for condition in conditions(node or {}):
            if condition["type"] == "Ready" and condition["status"] != "True":
                name = pod["spec"]["nodeName"]
                yield Diagnosis(
                    "Unknown" if condition["status"] == "Unknown" else "NotReady",
                    f"node {name}: {condition.get('message') or condition.get('reason', '')}",
                    "The node of the pod does not answer",
                    (f"See the node: kubectl describe node {name}", "Then release once more"),
                    patience=5,
                )


def _evicted(seen: Observation) -> Iterator[Diagnosis]:
    for pod in seen.pods:
        status = pod.get("status") or {}
        if status.get("phase") == "Failed" and status.get("reason"):
            actions = ("See the node's memory and disk: kubectl describe node",)
            message = status.get("message", "")
            yield Diagnosis(status["reason"], message, "The node threw the pod out", actions, 10)


def _unmounted(seen: Observation) -> Iterator[Diagnosis]:
    for event in reversed(seen.events):
        if event.get("reason") == "FailedMount" and any(map(_is_creating, seen.pods)):
            actions = ("See that the Secret or ConfigMap that it names is in the namespace",)
            message = str(event.get("message", ""))
            cause = "Something that the pod mounts is not there"
            yield Diagnosis("ContainerCreating", message, cause, actions, 15)


def _unready(seen: Observation) -> Iterator[Diagnosis]:
    """Running, and not ready: the probe says why, and may say otherwise the next time."""
    for event in reversed(seen.events):
        message = str(event.get("message", ""))
        if event.get("reason") == "Unhealthy" and message.startswith("Readiness probe failed"):
            actions = (
                "See what the server says: kubectl logs",
                "See that nothing between kubelet and pod stops the probe",
            )
            cause = "The server starts, and does not become ready"
            yield Diagnosis("Running, not ready", message, cause, actions, float("inf"))


_CHECKS: tuple[Callable[[Observation], Iterator[Diagnosis]], ...] = (
    _refused_pods,
    _on_lost_nodes,
    _unscheduled,
    _evicted,
    not_made,
    ended,
    _unmounted,
    _unready,
)


def _is_creating(pod: Object) -> bool:
    return status_of(pod) == "ContainerCreating"
