"""The rule that what objects name is there."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mlifecycle.governance.objects.availability import covers
from mlifecycle.governance.objects.kubernetes import (
    KubernetesObject,
    Pod,
    Stack,
    pods_of,
    scale_target,
    selects,
)
from mlifecycle.governance.objects.values import found, known, section, sections, shown, text, whole
from mlifecycle.governance.rule import Objection, Path, Rule, Terms

# Kubernetes puts it into every namespace.
_CLUSTER_CONFIG_MAP = "kube-root-ca.crt"
# In volumes and projected sources, envFrom, and valueFrom.
_SOURCE_FIELDS: Mapping[str, tuple[str, ...]] = {
    "ConfigMap": ("configMap", "configMapRef", "configMapKeyRef"),
    "Secret": ("secret", "secretRef", "secretKeyRef"),
    "PersistentVolumeClaim": ("persistentVolumeClaim",),
}


def _check_references(stack: Stack, _: Terms) -> Iterator[Objection]:
    yield from _check_selectors(stack)
    yield from _check_addresses(stack)
    yield from _check_targets(stack)
    yield from _check_roles(stack)
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
        if (item.group, item.kind) == ("monitoring.coreos.com", "ServiceMonitor") and not any(
            service.is_a("Service") and selects(section(item.spec, "selector"), service.labels)
            for service in stack
        ):
            message = f"ServiceMonitor {shown(item.name)} selects no Service of the stack"
            yield Objection(message, None, ("spec", "selector"), str(item))
        if item.is_a("PodDisruptionBudget") and not any(
            covers(item, workload, pod) for workload, pod in pods
        ):
            message = f"PodDisruptionBudget {shown(item.name)} selects no pod of the stack"
            yield Objection(message, None, ("spec", "selector"), str(item))


def _check_roles(stack: Stack) -> Iterator[Objection]:
    """A Role that a binding names is of its own namespace; a ClusterRole may be the cluster's."""
    roles = {(item.namespace, item.name) for item in stack if item.is_a("Role")}
    for item in stack:
        role = section(item.body, "roleRef")
        if item.is_a("RoleBinding") and text(role, "kind") == "Role":
            name = text(role, "name")
            if (item.namespace, name) not in roles:
                message = f"RoleBinding {shown(item.name)} names Role {shown(name)}"
                yield Objection(
                    f"{message}, which is not in the stack", name, ("roleRef", "name"), str(item)
                )


def _check_sources(stack: Stack) -> Iterator[Objection]:
    """What pods mount or read exists, unless they say that they can do without."""
    held = [
        (item.kind, item.namespace, item.name)
        for item in stack
        if item.is_a("ConfigMap", "Secret", "PersistentVolumeClaim")
    ] + [("Secret", item.namespace, name) for item in stack if (name := _secret_of(item))]
    for item, pod in pods_of(stack):
        for kind, source in _sources(pod):
            name = text(source, "secretName") or text(source, "claimName") or text(source, "name")
            is_there = name == _CLUSTER_CONFIG_MAP or (kind, item.namespace, name) in held
            if not is_there and known(source.get("optional")) is not True:
                message = f"{item.title} uses {kind} {shown(name)}"
                path = (*pod.path, "spec")
                yield Objection(f"{message}, which is not in the stack", name, path, str(item))


def _secret_of(item: KubernetesObject) -> str:
    """The Secret that an operator makes of an object; empty where it makes none."""
    if (item.group, item.kind) == ("external-secrets.io", "ExternalSecret"):
        return text(section(item.spec, "target"), "name") or item.name
    if (item.group, item.kind) == ("bitnami.com", "SealedSecret"):
        return text(section(section(item.spec, "template"), "metadata"), "name") or item.name
    if (item.group, item.kind) == ("cert-manager.io", "Certificate"):
        return text(item.spec, "secretName")
    return ""


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


def _check_addresses(stack: Stack) -> Iterator[Objection]:
    """Services lead to pods, Ingresses to ports of Services."""
    services = [item for item in stack if item.is_a("Service")]
    pods = pods_of(stack)
    for item, _pod in pods:
        name = text(item.spec, "serviceName") if item.kind == "StatefulSet" else ""
        if name and (item.namespace, name) not in [
            (held.namespace, held.name) for held in services
        ]:
            message = f"{item.title} names Service {shown(name)}, which is not in the stack"
            yield Objection(message, name, ("spec", "serviceName"), str(item))
    for service in services:
        # Without a selector, somebody else names the addresses.
        selector = section(service.spec, "selector")
        if selector and not any(
            item.namespace == service.namespace and selects({"matchLabels": selector}, pod.labels)
            for item, pod in pods
        ):
            message = f"the selector of Service {shown(service.name)} matches no pod of the stack"
            yield Objection(message, None, ("spec", "selector"), str(service))
        elif selector:
            yield from _check_target_ports(service, selector, pods)
    for ingress in stack:
        if ingress.is_a("Ingress"):
            ports = {
                service.name: list(sections(service.spec, "ports"))
                for service in services
                if service.namespace == ingress.namespace
            }
            for backend, path in _backends(ingress):
                yield from _check_backend(backend, ports, path, ingress)


def _check_target_ports(
    service: KubernetesObject,
    selector: Mapping[str, Any],
    pods: Sequence[tuple[KubernetesObject, Pod]],
) -> Iterator[Objection]:
    """A port that a Service names is one that a container of its pods has."""
    names = {
        text(port, "name")
        for item, pod in pods
        if item.namespace == service.namespace and selects({"matchLabels": selector}, pod.labels)
        for container in pod.containers("containers", "initContainers")
        for port in sections(container.body, "ports")
    }
    for index, port in enumerate(sections(service.spec, "ports")):
        target = text(port, "targetPort")
        if target and target not in names:
            message = f"Service {shown(service.name)} leads to port {shown(target)}"
            path = ("spec", "ports", index, "targetPort")
            yield Objection(f"{message}, which its pods do not have", target, path, str(service))


def _backends(ingress: KubernetesObject) -> Iterator[tuple[Mapping[str, Any], Path]]:
    backend = section(ingress.spec, "defaultBackend")
    if backend:
        yield backend, ("spec", "defaultBackend")
    for index, rule in enumerate(sections(ingress.spec, "rules")):
        for place, entry in enumerate(sections(section(rule, "http"), "paths")):
            path = ("spec", "rules", index, "http", "paths", place, "backend")
            yield section(entry, "backend"), path


def _check_backend(
    backend: Mapping[str, Any],
    ports: Mapping[str, list[Mapping[str, Any]]],
    path: Path,
    ingress: KubernetesObject,
) -> Iterator[Objection]:
    if known(backend.get("resource")) is not None:
        return
    service = section(backend, "service")
    name, port = text(service, "name"), section(service, "port")
    who = f"Ingress {shown(ingress.name)} names"
    if name not in ports:
        message = f"{who} Service {shown(name)}, which is not in the stack"
        yield Objection(message, name, path, str(ingress))
        return
    wanted = text(port, "name") or whole(port.get("number"))
    if wanted is None or not any(
        wanted in (text(offered, "name"), whole(offered.get("port"))) for offered in ports[name]
    ):
        message = f"{who} port {shown(wanted)} of Service {shown(name)}, which has none such"
        yield Objection(message, found(wanted), path, str(ingress))


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
