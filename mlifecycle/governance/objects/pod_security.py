"""What the rules of the Pod Security Standards share, and their names in the reference.

The reference is `k8s.io/pod-security-admission` of Kubernetes 1.34. Its relaxations for pods with
`hostUsers: false` are off there unless an alpha feature is on, so no rule knows them.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mlifecycle.governance.objects.kubernetes import KubernetesObject, Pod, pod_of
from mlifecycle.governance.objects.values import entries, known, section, shown
from mlifecycle.governance.rule import Objection, Path, Terms

# The reference's id of the check that each rule is.
PSA_CHECKS: Mapping[str, str] = {
    "pss-host-namespaces": "hostNamespaces",
    "pss-privileged": "privileged",
    "pss-capabilities-baseline": "capabilities_baseline",
    "pss-host-path": "hostPathVolumes",
    "pss-host-ports": "hostPorts",
    "pss-host-probes-lifecycle": "hostProbesAndHostLifecycle",
    "pss-apparmor": "appArmorProfile",
    "pss-selinux": "seLinuxOptions",
    "pss-proc-mount": "procMount",
    "pss-seccomp-baseline": "seccompProfile_baseline",
    "pss-sysctls": "sysctls",
    "pss-windows-host-process": "windowsHostProcess",
    "pss-restricted-volumes": "restrictedVolumes",
    "pss-allow-privilege-escalation": "allowPrivilegeEscalation",
    "pss-run-as-non-root": "runAsNonRoot",
    "pss-run-as-user": "runAsUser",
    "pss-seccomp-restricted": "seccompProfile_restricted",
    "pss-capabilities-restricted": "capabilities_restricted",
}

# The version of the standards that the rules are those of.
VERSION = "v1.34"

CONFINED = ("RuntimeDefault", "Localhost")


@dataclass(frozen=True)
class Place:
    """What settings are made on: the pod as a whole, or one of its containers.

    Attributes:
        holder: prints as the name that a message gives it.
        path: where it stands in the object.
    """

    holder: object
    body: Mapping[str, Any]
    path: Path

    def get(self, *keys: str) -> Any:
        """A setting; None where it is not made or null."""
        return known(self.fields(*keys[:-1]).get(keys[-1]))

    def fields(self, *keys: str) -> Mapping[str, Any]:
        """A setting that holds others; empty where it is not made or null."""
        body = self.body
        for key in keys:
            body = section(body, key)
        return body

    def objection(self, *keys: str, note: str = "") -> Objection:
        """To what a setting is, or to its absence."""
        value = self.get(*keys)
        message = f"{self.holder}: {'.'.join(keys)} is {shown(value)}{note}"
        if value is None:
            return Objection(message, path=self.path)
        return Objection(message, shown(value), (*self.path, *keys))


def on_pods(
    check: Callable[[Pod], Iterator[Objection]],
) -> Callable[[KubernetesObject, Terms], Iterator[Objection]]:
    """The check of the pod that an object is or makes; without one there is nothing to find."""

    def check_object(item: KubernetesObject, _: Terms) -> Iterator[Objection]:
        pod = pod_of(item)
        if pod is not None:
            yield from check(pod)

    return check_object


def pod_place(pod: Pod) -> Place:
    """The pod as a whole."""
    return Place("the pod", pod.spec, (*pod.path, "spec"))


def container_places(pod: Pod) -> Iterator[Place]:
    """Its containers of every kind."""
    for container in pod.containers():
        yield Place(container, container.body, container.path)


def places(pod: Pod) -> Iterator[Place]:
    """The pod as a whole and each of its containers."""
    yield pod_place(pod)
    yield from container_places(pod)


def is_on(value: Any) -> bool:
    """Whether a switch is anything but off: a value of a wrong type is not off."""
    return value is not None and value is not False


def unconfined(pod: Pod, profile: str) -> Iterator[Objection]:
    """Profiles, of AppArmor or seccomp, that confine nothing."""
    for place in places(pod):
        keys = ("securityContext", profile)
        if place.get(*keys) is not None and place.get(*keys, "type") not in CONFINED:
            yield place.objection(*keys, "type")


def added_capabilities(pod: Pod, allowed: tuple[str, ...]) -> Iterator[Objection]:
    """Capabilities beyond the allowed ones."""
    keys = ("securityContext", "capabilities")
    for place in container_places(pod):
        for index, capability in enumerate(entries(place.fields(*keys), "add")):
            if known(capability) not in allowed:
                yield Objection(
                    f"{place.holder}: {'.'.join(keys)}.add lists {shown(capability)}",
                    shown(capability),
                    (*place.path, *keys, "add", index),
                )
