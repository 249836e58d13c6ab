"""The Pod Security Standard *restricted*: what it asks of a pod beside *baseline*."""

from collections.abc import Iterator

from mlifecycle.governance.objects.kubernetes import KubernetesObject, Pod
from mlifecycle.governance.objects.pod_security import (
    added_capabilities,
    container_places,
    on_pods,
    places,
    pod_place,
    unconfined,
)
from mlifecycle.governance.objects.values import entries, known, sections, shown, whole
from mlifecycle.governance.rule import Objection, Rule

VOLUME_TYPES = (
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
    "projected",
    "secret",
)


def _volumes(pod: Pod) -> Iterator[Objection]:
    for index, volume in enumerate(sections(pod.spec, "volumes")):
        if any(known(volume.get(allowed)) is not None for allowed in VOLUME_TYPES):
            continue
        # One of no type at all becomes an emptyDir in the cluster.
        others = [
            key for key, value in volume.items() if key != "name" and known(value) is not None
        ]
        if others:
            found = shown(", ".join(map(str, others)))
            yield Objection(
                f"volume {shown(volume.get('name'))}: its type is {found}",
                found,
                (*pod.path, "spec", "volumes", index),
            )


def _privilege_escalation(pod: Pod) -> Iterator[Objection]:
    if _is_windows(pod):
        return
    for place in container_places(pod):
        if place.get("securityContext", "allowPrivilegeEscalation") is not False:
            yield place.objection("securityContext", "allowPrivilegeEscalation")


def _non_root(pod: Pod) -> Iterator[Objection]:
    for place in places(pod):
        value = place.get("securityContext", "runAsNonRoot")
        if value is not None and value is not True:
            yield place.objection("securityContext", "runAsNonRoot")
    yield from _unset(pod, "runAsNonRoot")


def _user(pod: Pod) -> Iterator[Objection]:
    for place in places(pod):
        user = place.get("securityContext", "runAsUser")
        if user is not None and not whole(user):
            yield place.objection("securityContext", "runAsUser")


def _seccomp(pod: Pod) -> Iterator[Objection]:
    if _is_windows(pod):
        return
    yield from unconfined(pod, "seccompProfile")
    yield from _unset(pod, "seccompProfile")


def _capabilities(pod: Pod) -> Iterator[Objection]:
    if _is_windows(pod):
        return
    for place in container_places(pod):
        if "ALL" not in entries(place.fields("securityContext", "capabilities"), "drop"):
            yield Objection(
                f"{place.holder}: securityContext.capabilities.drop does not list ALL",
                path=place.path,
            )
    yield from added_capabilities(pod, ("NET_BIND_SERVICE",))


def _is_windows(pod: Pod) -> bool:
    """Whether the pod is for Windows nodes: then the API takes no setting that is Linux's."""
    return bool(pod_place(pod).get("os", "name") == "windows")


def _unset(pod: Pod, setting: str) -> Iterator[Objection]:
    """Containers that neither set something nor have it from the pod."""
    keys = ("securityContext", setting)
    if pod_place(pod).get(*keys) is None:
        for place in container_places(pod):
            if place.get(*keys) is None:
                yield place.objection(*keys, note=", nor is it for the pod")


POD_SECURITY_RESTRICTED: tuple[Rule[KubernetesObject], ...] = (
    Rule(
        id="pss-restricted-volumes",
        title="Volumes are of the types that the cluster manages",
        check=on_pods(_volumes),
        reason="Other types mount the node or a storage system past the cluster's own controls",
        remediation="Use a persistentVolumeClaim, or another allowed type such as emptyDir",
        frameworks=("PSS restricted", "KSV-0028", "KSV-0121"),
    ),
    Rule(
        id="pss-allow-privilege-escalation",
        title="No process can gain privileges",
        check=on_pods(_privilege_escalation),
        reason="A set-user-ID program would give a process more than its container was given",
        remediation="Set securityContext.allowPrivilegeEscalation to false on every container",
        frameworks=("PSS restricted", "CIS Kubernetes 1.12: 5.2.6", "KSV-0001"),
    ),
    Rule(
        id="pss-run-as-non-root",
        title="Every container must run as another user than root",
        check=on_pods(_non_root),
        reason="Root in a container that breaks out is root on the node",
        remediation="Set securityContext.runAsNonRoot to true on the pod and nowhere to false",
        frameworks=("PSS restricted", "CIS Kubernetes 1.12: 5.2.7", "KSV-0012"),
    ),
    Rule(
        id="pss-run-as-user",
        title="No user is set to root",
        check=on_pods(_user),
        reason="Root in a container that breaks out is root on the node",
        remediation="Set securityContext.runAsUser to another user than 0, or leave it unset",
        frameworks=("PSS restricted", "KSV-0105"),
    ),
    Rule(
        id="pss-seccomp-restricted",
        title="Every container has a seccomp profile",
        check=on_pods(_seccomp),
        reason="Without a profile every system call of the node's kernel is open",
        remediation="Set securityContext.seccompProfile.type to RuntimeDefault on the pod",
        frameworks=("PSS restricted", "CIS Kubernetes 1.12: 5.6.2", "KSV-0030"),
    ),
    Rule(
        id="pss-capabilities-restricted",
        title="Containers drop all capabilities and add at most NET_BIND_SERVICE",
        check=on_pods(_capabilities),
        reason="A model server needs no capability, and each one helps an attacker",
        remediation="Set securityContext.capabilities.drop to [ALL] on every container",
        frameworks=(
            "PSS restricted",
            "CIS Kubernetes 1.12: 5.2.8",
            "CIS Kubernetes 1.12: 5.2.9",
            "KSV-0003",
            "KSV-0106",
        ),
    ),
)
