"""The Pod Security Standard *baseline*: what lets a pod take over its node."""

from collections.abc import Iterator

from mlifecycle.governance.objects.kubernetes import KubernetesObject, Pod
from mlifecycle.governance.objects.pod_security import (
    added_capabilities,
    container_places,
    is_on,
    on_pods,
    places,
    pod_place,
    unconfined,
)
from mlifecycle.governance.objects.values import known, section, sections, shown
from mlifecycle.governance.rule import Objection, Rule

# What container runtimes give by default, without NET_RAW.
CAPABILITIES = (
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
)
SYSCTLS = (
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_wmem",
)
SELINUX_TYPES = ("container_t", "container_init_t", "container_kvm_t", "container_engine_t")
HANDLERS = (
    ("livenessProbe",),
    ("readinessProbe",),
    ("startupProbe",),
    ("lifecycle", "postStart"),
    ("lifecycle", "preStop"),
)
# AppArmor's profiles stood in annotations before they were fields; nodes still read them.
APPARMOR_ANNOTATION = "container.apparmor.security.beta.kubernetes.io/"


def _host_namespaces(pod: Pod) -> Iterator[Objection]:
    place = pod_place(pod)
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if is_on(place.get(key)):
            yield place.objection(key)


def _privileged(pod: Pod) -> Iterator[Objection]:
    for place in container_places(pod):
        if is_on(place.get("securityContext", "privileged")):
            yield place.objection("securityContext", "privileged")


def _capabilities(pod: Pod) -> Iterator[Objection]:
    yield from added_capabilities(pod, CAPABILITIES)


def _host_path(pod: Pod) -> Iterator[Objection]:
    for index, volume in enumerate(sections(pod.spec, "volumes")):
        if known(volume.get("hostPath")) is not None:
            yield Objection(
                f"volume {shown(volume.get('name'))}: its type is hostPath",
                "hostPath",
                (*pod.path, "spec", "volumes", index, "hostPath"),
            )


def _host_ports(pod: Pod) -> Iterator[Objection]:
    for place in container_places(pod):
        for index, port in enumerate(sections(place.body, "ports")):
            if (number := known(port.get("hostPort"))) not in (None, 0):
                yield Objection(
                    f"{place.holder}: takes port {shown(number)} of the node",
                    shown(number),
                    (*place.path, "ports", index, "hostPort"),
                )


def _probes_and_hooks(pod: Pod) -> Iterator[Objection]:
    for place in container_places(pod):
        for handler in HANDLERS:
            for action in ("httpGet", "tcpSocket"):
                if place.get(*handler, action, "host") not in (None, ""):
                    yield place.objection(*handler, action, "host")


def _apparmor(pod: Pod) -> Iterator[Objection]:
    yield from unconfined(pod, "appArmorProfile")
    for key, profile in section(pod.metadata, "annotations").items():
        if str(key).startswith(APPARMOR_ANNOTATION) and not _is_apparmor_profile(known(profile)):
            yield Objection(
                f"the pod: annotation {shown(key)} is {shown(profile)}",
                shown(profile),
                (*pod.path, "metadata", "annotations", key),
            )


def _is_apparmor_profile(profile: object) -> bool:
    return profile in (None, "", "runtime/default") or (
        isinstance(profile, str) and profile.startswith("localhost/")
    )


def _selinux(pod: Pod) -> Iterator[Objection]:
    allowed = {"type": SELINUX_TYPES, "user": (), "role": ()}
    for place in places(pod):
        for key, values in allowed.items():
            keys = ("securityContext", "seLinuxOptions", key)
            if place.get(*keys) not in (None, "", *values):
                yield place.objection(*keys)


def _proc_mount(pod: Pod) -> Iterator[Objection]:
    for place in container_places(pod):
        if place.get("securityContext", "procMount") not in (None, "Default"):
            yield place.objection("securityContext", "procMount")


def _seccomp(pod: Pod) -> Iterator[Objection]:
    yield from unconfined(pod, "seccompProfile")


def _sysctls(pod: Pod) -> Iterator[Objection]:
    for index, sysctl in enumerate(sections(section(pod.spec, "securityContext"), "sysctls")):
        if (name := known(sysctl.get("name"))) not in SYSCTLS:
            yield Objection(
                f"the pod: sets sysctl {shown(name)}",
                shown(name),
                (*pod.path, "spec", "securityContext", "sysctls", index),
            )


def _windows_host_process(pod: Pod) -> Iterator[Objection]:
    keys = ("securityContext", "windowsOptions", "hostProcess")
    for place in places(pod):
        if is_on(place.get(*keys)):
            yield place.objection(*keys)


POD_SECURITY_BASELINE: tuple[Rule[KubernetesObject], ...] = (
    Rule(
        id="pss-host-namespaces",
        title="Pods share no namespace of the node",
        check=on_pods(_host_namespaces),
        reason="A pod in the node's namespaces reads its traffic and reaches its processes",
        remediation="Remove hostNetwork, hostPID and hostIPC",
        frameworks=(
            "PSS baseline",
            "CIS Kubernetes 1.12: 5.2.3",
            "CIS Kubernetes 1.12: 5.2.4",
            "CIS Kubernetes 1.12: 5.2.5",
            "KSV-0008",
            "KSV-0009",
            "KSV-0010",
        ),
    ),
    Rule(
        id="pss-privileged",
        title="No container is privileged",
        check=on_pods(_privileged),
        reason="A privileged container is root on its node",
        remediation="Remove securityContext.privileged",
        frameworks=("PSS baseline", "CIS Kubernetes 1.12: 5.2.2", "KSV-0017"),
    ),
    Rule(
        id="pss-capabilities-baseline",
        title="Containers add no capability beyond the default ones",
        check=on_pods(_capabilities),
        reason="Each further capability opens more of the node's kernel",
        remediation="Remove the capability from securityContext.capabilities.add",
        frameworks=("PSS baseline", "CIS Kubernetes 1.12: 5.2.9", "KSV-0022"),
    ),
    Rule(
        id="pss-host-path",
        title="Pods mount no path of the node",
        check=on_pods(_host_path),
        reason="A path of the node gives its files, and often its control, to the pod",
        remediation="Use a volume of another type, such as emptyDir or persistentVolumeClaim",
        frameworks=("PSS baseline", "CIS Kubernetes 1.12: 5.2.11", "KSV-0023"),
    ),
    Rule(
        id="pss-host-ports",
        title="Containers take no port of the node",
        check=on_pods(_host_ports),
        reason="A port of the node is reached past every network policy",
        remediation="Remove hostPort and use a Service",
        frameworks=("PSS baseline", "CIS Kubernetes 1.12: 5.2.12", "KSV-0024"),
    ),
    Rule(
        id="pss-host-probes-lifecycle",
        title="Probes and hooks reach their own pod only",
        check=on_pods(_probes_and_hooks),
        reason="The node runs probes and hooks, so another host there is a request in its name",
        remediation="Remove host from the probe or hook",
        frameworks=("PSS baseline",),
    ),
    Rule(
        id="pss-apparmor",
        title="No AppArmor profile is switched off",
        check=on_pods(_apparmor),
        reason="Without its profile a container may do what AppArmor would stop",
        remediation="Set the AppArmor profile to RuntimeDefault or Localhost, or leave it unset",
        frameworks=("PSS baseline", "KSV-0002"),
    ),
    Rule(
        id="pss-selinux",
        title="SELinux options keep containers confined",
        check=on_pods(_selinux),
        reason="A type, user or role of its own can lift a container's confinement",
        remediation="Remove user and role, and use a container type such as container_t",
        frameworks=("PSS baseline", "KSV-0025"),
    ),
    Rule(
        id="pss-proc-mount",
        title="Containers see the default, masked /proc",
        check=on_pods(_proc_mount),
        reason="The masked part of /proc shows and changes the node's kernel",
        remediation="Remove securityContext.procMount",
        frameworks=("PSS baseline", "KSV-0027"),
    ),
    Rule(
        id="pss-seccomp-baseline",
        title="No seccomp profile is switched off",
        check=on_pods(_seccomp),
        reason="Without a profile every system call of the node's kernel is open",
        remediation="Set seccompProfile.type to RuntimeDefault or Localhost",
        frameworks=("PSS baseline", "CIS Kubernetes 1.12: 5.6.2", "KSV-0104"),
    ),
    Rule(
        id="pss-sysctls",
        title="Pods set no sysctl that reaches beyond them",
        check=on_pods(_sysctls),
        reason="Most sysctls act on the whole node or switch its protections off",
        remediation="Remove the sysctl from securityContext.sysctls",
        frameworks=("PSS baseline", "KSV-0026"),
    ),
    Rule(
        id="pss-windows-host-process",
        title="No container is a process of a Windows node",
        check=on_pods(_windows_host_process),
        reason="A host process has the whole Windows node",
        remediation="Remove windowsOptions.hostProcess",
        frameworks=("PSS baseline", "CIS Kubernetes 1.12: 5.2.10", "KSV-0103"),
    ),
)
