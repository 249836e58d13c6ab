"""Why a rollout does not end: from what the cluster says of its pods to a cause and a next step.

Pure: `mlifecycle.release.rollout` asks the cluster.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mlifecycle.release.last_words import Diagnosis, crashed

# As Kubernetes gives it.
Object = Mapping[str, Any]


@dataclass(frozen=True)
class Observation:
    """What the cluster says of one release of a model.

    Attributes:
        pods: those of the newest ReplicaSet.
        older: those of the others, which may be about to go.
        events: of the Deployment, its ReplicaSets and its pods, the newest last.
        logs: the last lines of each container that has ended, by its pod's name.
        nodes: those that the pods are on, by name.
    """

    deployment: Object
    replica_set: Object = field(default_factory=dict)
    pods: Sequence[Object] = ()
    older: Sequence[Object] = ()
    events: Sequence[Object] = ()
    logs: Mapping[str, str] = field(default_factory=dict)
    nodes: Mapping[str, Object] = field(default_factory=dict)


def is_complete(deployment: Object) -> bool:
    """Whether every pod is of the newest revision and available, and no older one is left."""
    wanted = deployment["spec"].get("replicas", 1)
    status = deployment.get("status") or {}
    if status.get("observedGeneration", 0) < deployment["metadata"]["generation"]:
        return False
    counts = [status.get(key, 0) for key in ("replicas", "updatedReplicas", "availableReplicas")]
    return counts == [wanted] * len(counts)


def diagnose(seen: Observation) -> Diagnosis | None:
    """The first cause that explains it; None while all that is seen is a rollout that goes on."""
    for check in _CHECKS:
        for diagnosis in check(seen):
            return diagnosis
    return None


def undecided(seen: Observation, seconds: float) -> Diagnosis:
    """What is left to say of a rollout whose time is up and that nothing explains."""
    status = next((_status_of(pod) for pod in seen.pods), "no pod")
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
        for condition in _conditions(item):
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
        for condition in _conditions(pod):
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
        for condition in _conditions(node or {}):
            if condition["type"] == "Ready" and condition["status"] != "True":
                name = pod["spec"]["nodeName"]
                yield Diagnosis(
                    "Unknown" if condition["status"] == "Unknown" else "NotReady",
                    f"node {name}: {condition.get('message') or condition.get('reason', '')}",
                    "The node of the pod does not answer",
                    (f"See the node: kubectl describe node {name}", "Then release once more"),
                    patience=5,
                )


def _waiting(seen: Observation) -> Iterator[Diagnosis]:
    """Containers that cannot be made."""
    for _, container in _containers(seen):
        waiting = (container.get("state") or {}).get("waiting") or {}
        reason, message = waiting.get("reason", ""), waiting.get("message", "")
        if reason in ("ErrImagePull", "ImagePullBackOff", "InvalidImageName"):
            yield _pull(reason, _pull_error(seen) or message)
        elif reason == "CreateContainerConfigError":
            yield Diagnosis(
                reason,
                message,
                "Something that the container is configured with is not there",
                ("See that the Secret or ConfigMap that it names is in the namespace",),
                5,
            )
        elif reason in ("CreateContainerError", "RunContainerError"):
            yield _unstartable(reason, message)


def _unstartable(status: str, message: str) -> Diagnosis:
    actions = ("See the node's container runtime, and whether the image has its command",)
    return Diagnosis(status, message, "The container cannot be started", actions, 10)


def _pull_error(seen: Observation) -> str:
    """The longest message: that of a back-off does not say why."""
    found = [
        str(event.get("message", ""))
        for event in seen.events
        if event.get("reason") == "Failed" and "pull" in str(event.get("message", ""))
    ]
    return max(found, key=len, default="")


def _pull(reason: str, message: str) -> Diagnosis:
    actions: tuple[str, ...]
    if re.search(r"unauthorized|authentication|authorization failed|denied|40[13]", message):
        actions = (
            "Give the nodes, or the ServiceAccount, credentials of the registry (imagePullSecrets)",
            "See that they may read the repository",
        )
        cause = "The registry does not let the node read the image"
    elif reason == "InvalidImageName":
        actions = ("See mlifecycle:registry: a host, or a host with a path",)
        cause = "The image's name is none"
    elif re.search(r"not found|manifest unknown|404", message):
        actions = (
            "See whether the registry still has the image: regctl image digest",
            "Release once more: mlifecycle up puts it there again",
        )
        cause = "The registry does not have the image"
    else:
        actions = (
            "See that the nodes reach the registry: its name, its port, its certificate",
            "Release once more when they do",
        )
        cause = "The node does not reach the registry"
    return Diagnosis(reason, message, cause, actions, 5)


def _ended(seen: Observation) -> Iterator[Diagnosis]:
    """Containers that end again and again."""
    for pod, container in _containers(seen):
        last = _last_end(container)
        if last is None:
            continue
        status, log = _status_of(pod), seen.logs.get(pod["metadata"]["name"], "")
        # Just started once more, which says nothing.
        status = str(last.get("reason") or status) if status == "Running" else status
        if last.get("reason") == "OOMKilled":
            yield Diagnosis(
                status,
                "the container was killed: it needs more memory than its limit (OOMKilled)",
                "The model needs more memory than it may use",
                ("Raise spec.inference.resources.limits.memory", "Serve a smaller model"),
            )
        elif last.get("reason") in ("StartError", "ContainerCannotRun"):
            yield _unstartable(status, str(last.get("message", "")))
        elif killed := _killed_by_probe(seen, pod):
            yield _probed(status, killed)
        else:
            yield crashed(status, log, last.get("exitCode"), container.get("restartCount", 0))


def _last_end(container: Object) -> Object | None:
    states = [container.get("state") or {}, container.get("lastState") or {}]
    ends = [state["terminated"] for state in states if state.get("terminated")]
    return next(iter(ends), None)


def _killed_by_probe(seen: Observation, pod: Object) -> str:
    name = pod["metadata"]["name"]
    for event in reversed(seen.events):
        about = event.get("involvedObject") or {}
        message = str(event.get("message", ""))
        if about.get("name") == name and re.search("failed (startup|liveness) probe", message):
            return message
    return ""


def _probed(status: str, message: str) -> Diagnosis:
    actions: tuple[str, ...]
    if "startup" in message:
        actions = (
            "See what takes the time: kubectl logs --previous",
            "Give it more processor time: spec.inference.resources.limits.cpu",
            "Serve a smaller model, or keep it nearer to the cluster",
        )
        return Diagnosis(status, message, "The server takes too long to start", actions)
    actions = ("See what the server does when it is asked: kubectl logs --previous",)
    return Diagnosis(status, message, "The server does not answer its liveness probe", actions)


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
    _waiting,
    _ended,
    _unmounted,
    _unready,
)


def _containers(seen: Observation) -> Iterator[tuple[Object, Object]]:
    for pod in seen.pods:
        for container in (pod.get("status") or {}).get("containerStatuses") or ():
            yield pod, container


def _conditions(item: Object) -> Sequence[Object]:
    return (item.get("status") or {}).get("conditions") or ()


def _is_creating(pod: Object) -> bool:
    return _status_of(pod) == "ContainerCreating"


def _status_of(pod: Object) -> str:
    """As `kubectl get pods` has it in its column STATUS."""
    status = pod.get("status") or {}
    for container in status.get("containerStatuses") or ():
        state = container.get("state") or {}
        for kind in ("waiting", "terminated"):
            if state.get(kind):
                return str(state[kind].get("reason") or "Error")
    return str(status.get("reason") or status.get("phase") or "Pending")
