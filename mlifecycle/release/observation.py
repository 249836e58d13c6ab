"""What the cluster says of a release, and the form in which a cause is told."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

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


@dataclass(frozen=True)
class Diagnosis:
    """Why a release is not ready.

    Attributes:
        status: the pod's, as `kubectl get pods` shows it.
        error: what the container, or the cluster, says.
        cause: what most probably is wrong.
        actions: what helps, the likeliest first.
        patience: seconds for which it must be seen before it is certain that it does not pass.
    """

    status: str
    error: str
    cause: str
    actions: tuple[str, ...]
    patience: float = 0.0


def is_complete(deployment: Object) -> bool:
    """Whether every pod is of the newest revision and available, and no older one is left."""
    wanted = deployment["spec"].get("replicas", 1)
    status = deployment.get("status") or {}
    if status.get("observedGeneration", 0) < deployment["metadata"]["generation"]:
        return False
    counts = [status.get(key, 0) for key in ("replicas", "updatedReplicas", "availableReplicas")]
    return counts == [wanted] * len(counts)


def containers(seen: Observation) -> Iterator[tuple[Object, Object]]:
    """Each pod with each of its containers."""
    for pod in seen.pods:
        for container in (pod.get("status") or {}).get("containerStatuses") or ():
            yield pod, container


def conditions(item: Object) -> Sequence[Object]:
    """Those of an object's status."""
    return (item.get("status") or {}).get("conditions") or ()


def status_of(pod: Object) -> str:
    """As `kubectl get pods` has it in its column STATUS."""
    status = pod.get("status") or {}
    for container in status.get("containerStatuses") or ():
        state = container.get("state") or {}
        for kind in ("waiting", "terminated"):
            if state.get(kind):
                return str(state[kind].get("reason") or "Error")
    return str(status.get("reason") or status.get("phase") or "Pending")
