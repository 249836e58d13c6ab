"""Kubernetes objects as rules see them: their names, pods, containers and selectors."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlifecycle.governance.objects.values import (
    all_known,
    entries,
    known,
    section,
    sections,
    shown,
    text,
)
from mlifecycle.governance.rule import NotDecided, Unreadable

# Where each kind of workload keeps the specification of its pods.
POD_PATHS: Mapping[str, tuple[str, ...]] = {
    "Pod": (),
    "Deployment": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
    "ReplicaSet": ("spec", "template"),
    "ReplicationController": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
    "PodTemplate": ("template",),
}
_POD_GROUPS = ("", "apps", "batch")
CONTAINER_FIELDS = ("initContainers", "containers", "ephemeralContainers")
# The API group of each kind whose name other groups use too, such as Calico's NetworkPolicy.
GROUPS: Mapping[str, str] = {
    "ConfigMap": "",
    "Namespace": "",
    "PersistentVolumeClaim": "",
    "Secret": "",
    "Service": "",
    "ServiceAccount": "",
    "HorizontalPodAutoscaler": "autoscaling",
    "Ingress": "networking.k8s.io",
    "NetworkPolicy": "networking.k8s.io",
    "PodDisruptionBudget": "policy",
    "Role": "rbac.authorization.k8s.io",
    "ClusterRole": "rbac.authorization.k8s.io",
    "RoleBinding": "rbac.authorization.k8s.io",
    "ClusterRoleBinding": "rbac.authorization.k8s.io",
}
PART_OF = "app.kubernetes.io/part-of"
PRODUCT = "mlifecycle"


@dataclass(frozen=True)
class KubernetesObject:
    """One object as it is given to the cluster.

    Attributes:
        resource: the engine's name of the resource that makes it.
        body: the whole object; `UNKNOWN` stands for what is known in `up` only.
        secret: whether a Secret's data reaches the state encrypted; None where that can't be seen.
    """

    resource: str
    body: Mapping[str, Any]
    secret: bool | None = None

    @property
    def kind(self) -> str:
        """Such as `Deployment`."""
        return str(self.body.get("kind", ""))

    @property
    def group(self) -> str:
        """The API group, empty for the core one."""
        return group_of(self.body)

    @property
    def metadata(self) -> Mapping[str, Any]:
        """`metadata`, or nothing."""
        return section(self.body, "metadata")

    @property
    def name(self) -> str:
        """`metadata.name`."""
        return str(self.metadata.get("name", ""))

    @property
    def namespace(self) -> str:
        """`metadata.namespace`, `default` where none is given, as the cluster takes it."""
        return str(self.metadata.get("namespace") or "default")

    @property
    def labels(self) -> Mapping[str, str]:
        """`metadata.labels`, or none."""
        return section(self.metadata, "labels")

    @property
    def spec(self) -> Mapping[str, Any]:
        """`spec`, or nothing."""
        return section(self.body, "spec")

    @property
    def title(self) -> str:
        """Its kind and name, for a message."""
        return f"{shown(self.kind)} {shown(self.name)}"

    def is_a(self, *kinds: str) -> bool:
        """Whether it is one of the kinds, of the group that Kubernetes has them in."""
        return self.kind in kinds and self.group == GROUPS[self.kind]

    def __str__(self) -> str:
        try:
            return f"{self.kind} {self.namespace}/{self.name}" if self.name else self.kind
        except NotDecided:
            return f"{self.kind} of resource {self.resource}"


@dataclass(frozen=True)
class Container:
    """One container of a pod.

    Attributes:
        field: `containers`, `initContainers` or `ephemeralContainers`.
        path: where it stands in the object.
    """

    field: str
    body: Mapping[str, Any]
    path: tuple[str | int, ...]

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.body.get("name", ""))

    def __str__(self) -> str:
        kind = {"initContainers": "init container ", "ephemeralContainers": "ephemeral container "}
        return kind.get(self.field, "container ") + shown(self.name or self.path[-1])


@dataclass(frozen=True)
class Pod:
    """A pod, or the template of pods, with where it stands in its object."""

    metadata: Mapping[str, Any]
    spec: Mapping[str, Any]
    path: tuple[str | int, ...]

    @property
    def labels(self) -> Mapping[str, Any]:
        """Its labels, or none."""
        return section(self.metadata, "labels")

    @property
    def is_ours(self) -> bool:
        """Whether it serves a model."""
        return bool(self.labels.get(PART_OF) == PRODUCT)

    def containers(self, *fields: str) -> Iterator[Container]:
        """Every container of every kind, or of the fields that are named."""
        for field in fields or CONTAINER_FIELDS:
            for index, body in enumerate(sections(self.spec, field)):
                yield Container(field, body, (*self.path, "spec", field, index))


Stack = Sequence[KubernetesObject]


def pod_of(item: KubernetesObject) -> Pod | None:
    """The pod that an object is or makes; None where it makes none."""
    path = _pod_path(item)
    if path is None:
        return None
    body: Mapping[str, Any] = item.body
    for step in path:
        body = section(body, step)
    return Pod(section(body, "metadata"), section(body, "spec"), path)


def _pod_path(item: KubernetesObject) -> tuple[str, ...] | None:
    if item.kind in POD_PATHS and item.group in _POD_GROUPS:
        return POD_PATHS[item.kind]
    # Other kinds make pods too, such as Argo's Rollout and Knative's Service.
    body: Any = item.body
    for step in ("spec", "template", "spec"):
        body = known(body.get(step))
        if not isinstance(body, Mapping):
            return None
    return ("spec", "template") if "containers" in body else None


def hidden_containers(item: KubernetesObject) -> bool:
    """Whether containers stand anywhere in an object that makes no pod that rules can read."""
    return pod_of(item) is None and item.group not in _POD_GROUPS and _has_containers(item.body)


def _has_containers(value: Any) -> bool:
    value = known(value)
    if isinstance(value, Mapping):
        containers = known(value.get("containers"))
        return _are_containers(containers) or any(map(_has_containers, value.values()))
    return isinstance(value, list | tuple) and any(map(_has_containers, value))


def _are_containers(value: Any) -> bool:
    """Whether it is a list of named images; patterns of other tools name no container."""
    return isinstance(value, list | tuple) and any(
        isinstance(entry, Mapping) and {"name", "image"} <= entry.keys() for entry in value
    )


def keeps_running(item: KubernetesObject, pod: Pod) -> bool:
    """Whether the pods are meant to go on until somebody ends them."""
    if item.kind == "Pod":
        return known(pod.spec.get("restartPolicy")) not in ("OnFailure", "Never")
    return item.kind not in ("Job", "CronJob", "PodTemplate")


def is_replicated(item: KubernetesObject) -> bool:
    """Whether a workload has a number of equal pods."""
    return item.kind not in ("Pod", "DaemonSet", "Job", "CronJob", "PodTemplate")


def containers_of(item: KubernetesObject, *fields: str) -> Iterator[Container]:
    """The containers of what an object is or makes, of the fields that are named, if any are."""
    if pod := pod_of(item):
        yield from pod.containers(*fields)


def pods_of(stack: Sequence[KubernetesObject]) -> list[tuple[KubernetesObject, Pod]]:
    """Each workload of a stack with the pod that it is or makes."""
    return [(item, pod) for item in stack if item.kind != "PodTemplate" and (pod := pod_of(item))]


def scale_target(
    scaler: KubernetesObject, stack: Sequence[KubernetesObject]
) -> KubernetesObject | None:
    """What a HorizontalPodAutoscaler scales; None where it is not in the stack."""
    return next((item for item in stack if scales(scaler, item)), None)


def scales(scaler: KubernetesObject, item: KubernetesObject) -> bool:
    """Whether a HorizontalPodAutoscaler names just that object."""
    reference = section(scaler.spec, "scaleTargetRef")
    return (
        item.name == text(reference, "name")
        and item.kind == text(reference, "kind")
        and item.group == group_of(reference)
        and item.namespace == scaler.namespace
    )


def group_of(body: Mapping[str, Any]) -> str:
    """The API group of an object or of a reference to one, empty for the core one."""
    group, separator, _ = text(body, "apiVersion").partition("/")
    return group if separator else ""


def selects(selector: Mapping[str, Any], labels: Mapping[str, Any]) -> bool:
    """Whether a label selector chooses labels; an empty one chooses everything."""
    return all(
        key in labels and labels[key] == value
        for key, value in section(selector, "matchLabels").items()
    ) and all(_agrees(term, labels) for term in sections(selector, "matchExpressions"))


def _agrees(term: Mapping[str, Any], labels: Mapping[str, Any]) -> bool:
    key, operator = text(term, "key"), text(term, "operator")
    chosen = key in labels and labels[key] in all_known(entries(term, "values"))
    answers = {
        "In": chosen,
        "NotIn": not chosen,
        "Exists": key in labels,
        "DoesNotExist": key not in labels,
    }
    if operator not in answers:
        raise Unreadable(f"the operator {shown(operator)} of a label selector is none")
    return answers[operator]
