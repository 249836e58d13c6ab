"""Rules that keep objects findable, awaited, in their place, and pointing at what exists."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mlifecycle.governance.objects.availability import covers
from mlifecycle.governance.objects.kubernetes import (
    PART_OF,
    PRODUCT,
    KubernetesObject,
    Pod,
    pod_of,
    pods_of,
    scale_target,
    selects,
)
from mlifecycle.governance.objects.network import check_addresses
from mlifecycle.governance.objects.values import found, known, section, sections, shown, text
from mlifecycle.governance.rule import Objection, Path, Rule, Terms

Stack = Sequence[KubernetesObject]

# What has no namespace; a kind that is not here counts as having one.
_CLUSTER_SCOPED = re.compile(
    r"ClusterRole(Binding)?|CSI(Driver|Node)|CustomResourceDefinition|APIService|FlowSchema|Namespace|Node"
    r"|PersistentVolume|Priority(Class|LevelConfiguration)|(Ingress|Runtime|Storage|Gateway)Class"
    r"|(Mutating|Validating)(WebhookConfiguration|AdmissionPolicy(Binding)?)|VolumeAttachment"
    r"|CertificateSigningRequest"
)
POD_SECURITY_MODES = ("enforce", "warn", "audit")
RECOMMENDED_LABELS = (
    "app.kubernetes.io/name",
    "app.kubernetes.io/instance",
    "app.kubernetes.io/version",
    "app.kubernetes.io/component",
    PART_OF,
    "app.kubernetes.io/managed-by",
)
# What people select a model's pods by.
WORKLOAD_LABELS = ("app", "version", "team")
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?")

# Kubernetes puts it into every namespace.
_CLUSTER_CONFIG_MAP = "kube-root-ca.crt"
# In volumes and projected sources, envFrom, and valueFrom.
_SOURCE_FIELDS: Mapping[str, tuple[str, ...]] = {
    "ConfigMap": ("configMap", "configMapRef", "configMapKeyRef"),
    "Secret": ("secret", "secretRef", "secretKeyRef"),
}
# Each switches off what makes `up` wait and refuse, and who may carry it all the same: an object
# that our own verification waits for.
_AWAIT_ANNOTATIONS: Mapping[str, tuple[str, ...]] = {
    "pulumi.com/skipAwait": ("Deployment", "Ingress"),
    "pulumi.com/patchForce": ("Deployment",),
}


def _check_seen(item: KubernetesObject, _: Terms) -> Iterator[Objection]:
    if (item.group, item.kind) == ("helm.sh", "Release"):
        yield Objection(f"release {shown(item.resource)} makes objects that no rule can see")


def _check_namespace(item: KubernetesObject, _: Terms) -> Iterator[Objection]:
    is_namespace = item.kind == "Namespace"
    if _CLUSTER_SCOPED.fullmatch(item.kind) and not is_namespace:
        return
    name = item.name if is_namespace else item.namespace
    if name == "default" or name.startswith("kube-"):
        path = ("metadata", "name" if is_namespace else "namespace")
        message = f"namespace {shown(name)} of {item.title} is Kubernetes' own"
        yield Objection(message, name, path)


def _check_pod_security(item: KubernetesObject, _: Terms) -> Iterator[Objection]:
    if not item.is_a("Namespace"):
        return
    for mode in POD_SECURITY_MODES:
        label = f"pod-security.kubernetes.io/{mode}"
        value = known(item.labels.get(label))
        if value != "restricted":
            message = f"label {label} of Namespace {shown(item.name)} is {shown(value)}"
            yield Objection(
                f"{message}, not restricted", found(value), ("metadata", "labels", label)
            )


def _check_labels(item: KubernetesObject, _: Terms) -> Iterator[Objection]:
    if item.kind == "Namespace":
        return
    pod = pod_of(item)
    wanted = RECOMMENDED_LABELS + (WORKLOAD_LABELS if pod else ())
    yield from _check_labels_of(item.labels, wanted, "", ("metadata", "labels"))
    if pod and pod.path:
        path = (*pod.path, "metadata", "labels")
        yield from _check_labels_of(pod.labels, wanted, " of the pods", path)


def _check_labels_of(
    labels: Mapping[str, Any], wanted: tuple[str, ...], whose: str, path: Path
) -> Iterator[Objection]:
    for label in wanted:
        if known(labels.get(label)) in (None, ""):
            yield Objection(f"label {label}{whose} is missing", None, path)
    for label, value in labels.items():
        if known(value) is not None and not (
            isinstance(value, str) and _LABEL_VALUE.fullmatch(value)
        ):
            message = f"label {shown(label)}{whose} is {shown(value)}, no legal label value"
            yield Objection(message, shown(value), (*path, label))


def _check_await(item: KubernetesObject, _: Terms) -> Iterator[Objection]:
    annotations = section(item.metadata, "annotations")
    for annotation, excepted in _AWAIT_ANNOTATIONS.items():
        value = known(annotations.get(annotation))
        if value in (None, "false"):
            continue
        if item.kind not in excepted or item.labels.get(PART_OF) != PRODUCT:
            message = f"annotation {annotation} of {item.title}"
            path = ("metadata", "annotations", annotation)
            yield Objection(f"{message} is {shown(value)}", shown(value), path)


def _check_references(stack: Stack, _: Terms) -> Iterator[Objection]:
    yield from _check_selectors(stack)
    yield from check_addresses(stack)
    yield from _check_targets(stack)
    yield from _check_sources(stack)


def _check_selectors(stack: Stack) -> Iterator[Objection]:
    """A workload chooses its own pods, and nobody else's."""
    pods = pods_of(stack)
    for item, pod in pods:
        selector = _selector(item)
        if selector is None:
            continue
        who, path = f"the selector of {item.title}", ("spec", "selector")
        if not selector or not selects(selector, pod.labels):
            yield Objection(f"{who} does not match its pods' labels", None, path, str(item))
        for other, others in pods:
            if (
                (other is not item and other.namespace == item.namespace)
                and selector
                and selects(selector, others.labels)
            ):
                message = f"{who} matches the pods of {other.title} as well"
                yield Objection(message, None, path, str(item))


def _selector(item: KubernetesObject) -> Mapping[str, Any] | None:
    """How a workload finds its pods; None for one that has no need to say."""
    if item.kind in ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"):
        return section(item.spec, "selector")
    if item.kind == "ReplicationController" and (labels := section(item.spec, "selector")):
        return {"matchLabels": labels}
    return None


def _check_targets(stack: Stack) -> Iterator[Objection]:
    pods = pods_of(stack)
    for item in stack:
        if item.is_a("HorizontalPodAutoscaler") and scale_target(item, stack) is None:
            target = shown(section(item.spec, "scaleTargetRef").get("name"))
            message = f"HorizontalPodAutoscaler {shown(item.name)} scales {target}"
            path: Path = ("spec", "scaleTargetRef")
            yield Objection(f"{message}, which is not in the stack", target, path, str(item))
        if item.is_a("PodDisruptionBudget") and not any(
            covers(item, workload, pod) for workload, pod in pods
        ):
            message = f"PodDisruptionBudget {shown(item.name)} selects no pod of the stack"
            yield Objection(message, None, ("spec", "selector"), str(item))


def _check_sources(stack: Stack) -> Iterator[Objection]:
    """What pods mount or read exists, unless they say that they can do without."""
    held = [
        (item.kind, item.namespace, item.name) for item in stack if item.is_a("ConfigMap", "Secret")
    ]
    for item, pod in pods_of(stack):
        for kind, source in _sources(pod):
            name = text(source, "secretName") or text(source, "name")
            is_there = name == _CLUSTER_CONFIG_MAP or (kind, item.namespace, name) in held
            if not is_there and known(source.get("optional")) is not True:
                message = f"{item.title} uses {kind} {shown(name)}"
                path = (*pod.path, "spec")
                yield Objection(f"{message}, which is not in the stack", name, path, str(item))


def _sources(pod: Pod) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each ConfigMap and Secret that a pod names, by kind."""
    places: list[Mapping[str, Any]] = []
    for volume in sections(pod.spec, "volumes"):
        places += [volume, *sections(section(volume, "projected"), "sources")]
    for container in pod.containers():
        places += sections(container.body, "envFrom")
        places += [section(variable, "valueFrom") for variable in sections(container.body, "env")]
    for place in places:
        for kind, fields in _SOURCE_FIELDS.items():
            for field in fields:
                if known(place.get(field)) is not None:
                    yield kind, section(place, field)


OBJECT_RULES: tuple[Rule[KubernetesObject], ...] = (
    Rule(
        id="object-seen",
        title="Every object is seen before it is made",
        check=_check_seen,
        reason="What Helm makes by itself, no rule can judge",
        remediation="Use kubernetes.helm.v4.Chart, whose objects the engine makes",
        frameworks=("NIST SSDF PW.9",),
    ),
    Rule(
        id="ten-namespace",
        title="Nothing lands in a namespace that is Kubernetes' own",
        check=_check_namespace,
        reason="There neither our rules nor anybody's quota hold",
        remediation="Set metadata.namespace to a namespace of the stack",
        frameworks=("CIS Kubernetes 1.12: 5.6.4", "KSV-0110", "KSV-0037"),
    ),
    Rule(
        id="ten-psa-labels",
        title="Every Namespace enforces the restricted Pod Security Standard",
        check=_check_pod_security,
        reason="The cluster must refuse what did not come through this pack",
        remediation=(
            "Set the Namespace's labels pod-security.kubernetes.io/enforce, warn and audit"
            " to restricted"
        ),
        frameworks=("CIS Kubernetes 1.12: 5.2.1",),
    ),
    Rule(
        id="lbl-recommended",
        title="Every object says what it belongs to and whose it is",
        check=_check_labels,
        reason="What nobody can find, nobody can patch or remove",
        remediation="Add the missing labels, with at most 63 letters, digits, dots, _ and -",
        frameworks=("Pulumi configureRecommendedLabels", "Gatekeeper requiredlabels"),
    ),
    Rule(
        id="await-kept",
        title="The engine waits for what it deploys",
        check=_check_await,
        reason="An update that does not wait calls a broken object healthy",
        remediation="Remove the annotation",
    ),
)
STACK_RULES: tuple[Rule[Stack], ...] = (
    Rule(
        id="ref-integrity",
        title="What objects name is there",
        check=_check_references,
        reason="An object that points at nothing looks alive and does nothing",
        remediation="Correct the name, the port or the labels, or add what is missing",
        frameworks=("kube-linter dangling-service", "kube-linter mismatching-selector"),
    ),
)
