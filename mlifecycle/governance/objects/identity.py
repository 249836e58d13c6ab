"""Rules about what a pod may do: its account, its rights, its file system."""

from collections.abc import Iterator, Mapping
from typing import Any

from mlifecycle.governance.objects.kubernetes import (
    KubernetesObject,
    Stack,
    containers_of,
    pod_of,
    pods_of,
)
from mlifecycle.governance.objects.values import (
    entries,
    found,
    known,
    section,
    sections,
    shown,
    text,
)
from mlifecycle.governance.rule import Objection, Path, Rule, Terms

_ESCALATING_VERBS = ("escalate", "bind", "impersonate")
_ESCALATING_RESOURCES = (
    "pods/exec",
    "pods/attach",
    "pods/ephemeralcontainers",
    "pods/portforward",
    "pods/proxy",
    "nodes/proxy",
    "serviceaccounts/token",
)
# Kubernetes' own: each reads Secrets, or gives rights.
_MIGHTY_ROLES = ("cluster-admin", "admin", "edit")
_AGGREGATED = "rbac.authorization.k8s.io/aggregate-to-"
_MORE_RIGHTS = "which gives other rights"
# Verbs that are too much for a resource, and why.
_TOO_MUCH: Mapping[str, tuple[tuple[str, ...], str]] = {
    "secrets": (("list", "watch"), "which shows all of them"),
    # Who approves a certificate names himself; a webhook sits between everybody and the API.
    "certificatesigningrequests/approval": (("update", "patch"), _MORE_RIGHTS),
    "signers": (("approve", "sign"), _MORE_RIGHTS),
    "mutatingadmissionpolicies": (("create", "update", "patch"), _MORE_RIGHTS),
    # A pod may name any account of its namespace, a volume any folder of its node.
    "pods": (("create",), _MORE_RIGHTS),
    **dict.fromkeys(
        (
            *("deployments", "statefulsets", "daemonsets", "replicasets", "jobs", "cronjobs"),
            *("replicationcontrollers", "podtemplates"),
        ),
        (("create", "update", "patch"), _MORE_RIGHTS),
    ),
    "rolebindings": (("create", "update", "patch"), _MORE_RIGHTS),
    "clusterrolebindings": (("create", "update", "patch"), _MORE_RIGHTS),
    "persistentvolumes": (("create",), _MORE_RIGHTS),
    "mutatingwebhookconfigurations": (("create", "update", "patch"), _MORE_RIGHTS),
    "validatingwebhookconfigurations": (("create", "update", "patch"), _MORE_RIGHTS),
}


def _check_account(item: KubernetesObject, _: Terms) -> Iterator[Objection]:
    pod = pod_of(item)
    if pod is None:
        return
    path = (*pod.path, "spec", "serviceAccountName")
    name = known(pod.spec.get("serviceAccountName"))
    if not isinstance(name, str) or name in {"", "default"}:
        message = f"serviceAccountName is {shown(name)}, not an account of its own"
        yield Objection(message, found(name), path)
    deprecated = known(pod.spec.get("serviceAccount"))
    if deprecated not in (None, "", name):
        message = f"the deprecated serviceAccount is {shown(deprecated)}"
        yield Objection(message, shown(deprecated), (*path[:-1], "serviceAccount"))


def _check_account_exists(stack: Stack, _: Terms) -> Iterator[Objection]:
    accounts = [(item.namespace, item.name) for item in stack if item.is_a("ServiceAccount")]
    for item, pod in pods_of(stack):
        name = text(pod.spec, "serviceAccountName")
        if name and (item.namespace, name) not in accounts:
            message = f"ServiceAccount {shown(name)} of {item.title}"
            path = (*pod.path, "spec", "serviceAccountName")
            yield Objection(f"{message} is not in the stack", name, path, str(item))


def _check_token(item: KubernetesObject, _: Terms) -> Iterator[Objection]:
    field = "automountServiceAccountToken"
    places: list[tuple[Mapping[str, Any], Path]] = []
    if pod := pod_of(item):
        places.append((pod.spec, (*pod.path, "spec", field)))
        for index, volume in enumerate(sections(pod.spec, "volumes")):
            for source in sections(section(volume, "projected"), "sources"):
                if known(source.get("serviceAccountToken")) is not None:
                    message = f"volume {shown(volume.get('name'))} holds a serviceAccountToken"
                    yield Objection(message, None, (*pod.path, "spec", "volumes", index))
    if item.is_a("ServiceAccount"):
        places.append((item.body, (field,)))
    for place, path in places:
        value = known(place.get(field))
        if value is not False:
            yield Objection(f"{field} is {shown(value)}, not false", found(value), path)


def _check_rights(item: KubernetesObject, _: Terms) -> Iterator[Objection]:
    if item.is_a("Role", "ClusterRole"):
        yield from _check_role(item)
    elif item.is_a("RoleBinding", "ClusterRoleBinding"):
        yield from _check_binding(item)


def _check_role(item: KubernetesObject) -> Iterator[Objection]:
    if known(item.body.get("aggregationRule")) is not None:
        message = "aggregationRule takes in rules that are not written here"
        yield Objection(message, None, ("aggregationRule",))
    for label in item.labels:
        if label.startswith(_AGGREGATED):
            message = f"label {shown(label)} adds its rules to a role of Kubernetes' own"
            yield Objection(message, None, ("metadata", "labels", label))
    for index, rule in enumerate(sections(item.body, "rules")):
        yield from _check_names(rule, index)
        yield from _check_verbs(rule, index)


def _check_names(rule: Mapping[str, Any], index: int) -> Iterator[Objection]:
    """No wildcard, and nothing that is too much whatever stands beside it."""
    for field in ("verbs", "resources", "apiGroups", "nonResourceURLs"):
        for entry in entries(rule, field):
            if "*" in str(entry):
                message = f"{field} of rule {index} has the wildcard {shown(entry)}"
                yield Objection(message, shown(entry), ("rules", index, field))
    for field, refused in (("verbs", _ESCALATING_VERBS), ("resources", _ESCALATING_RESOURCES)):
        for entry in entries(rule, field):
            if entry in refused:
                message = f"{field} of rule {index} has {entry}, {_MORE_RIGHTS}"
                yield Objection(message, shown(entry), ("rules", index, field))


def _check_verbs(rule: Mapping[str, Any], index: int) -> Iterator[Objection]:
    """No verb that is too much for its resource."""
    verbs = entries(rule, "verbs")
    for resource in filter(_TOO_MUCH.__contains__, map(str, entries(rule, "resources"))):
        refused, why = _TOO_MUCH[resource]
        for verb in refused:
            if verb in verbs:
                message = f"rule {index} allows to {verb} {resource}, {why}"
                yield Objection(message, verb, ("rules", index, "verbs"))


def _check_binding(item: KubernetesObject) -> Iterator[Objection]:
    role = text(section(item.body, "roleRef"), "name")
    is_own = text(section(item.body, "roleRef"), "kind") == "Role"
    if not is_own and (role in _MIGHTY_ROLES or role.startswith("system:")):
        yield Objection(f"roleRef is {role}", role, ("roleRef", "name"))
    for index, subject in enumerate(sections(item.body, "subjects")):
        name = text(subject, "name")
        if text(subject, "kind") == "ServiceAccount" and name == "default":
            message = f"subject {index} is the account default, which every pod has"
            yield Objection(message, name, ("subjects", index, "name"))
        if text(subject, "kind") != "ServiceAccount" and name.startswith("system:"):
            message = f"subject {index} is {shown(name)}, which Kubernetes gives to others"
            yield Objection(message, name, ("subjects", index, "name"))


def _check_root_filesystem(item: KubernetesObject, _: Terms) -> Iterator[Objection]:
    for container in containers_of(item):
        value = known(section(container.body, "securityContext").get("readOnlyRootFilesystem"))
        if value is not True:
            yield Objection(
                f"{container}: readOnlyRootFilesystem is {shown(value)}, not true",
                found(value),
                (*container.path, "securityContext"),
            )


OBJECT_RULES: tuple[Rule[KubernetesObject], ...] = (
    Rule(
        id="id-sa",
        title="Every pod has a ServiceAccount of its own",
        check=_check_account,
        reason="What the default account is given, every pod of the namespace has",
        remediation="Name a ServiceAccount of its own in serviceAccountName",
        frameworks=("CIS Kubernetes 1.12: 5.1.5", "kube-linter default-service-account"),
    ),
    Rule(
        id="id-token",
        title="No pod gets a token for the API that it does not use",
        check=_check_token,
        reason="Who takes over a pod has its token",
        remediation="Set automountServiceAccountToken to false",
        frameworks=("CIS Kubernetes 1.12: 5.1.6", "KSV-0036", "NSA/CISA 1.11"),
    ),
    Rule(
        id="rbac-least",
        title="Roles give what is needed and no way to more",
        check=_check_rights,
        reason="A wildcard, or a right to give rights, is every right",
        remediation="Name the verbs and resources that are needed, and bind named accounts",
        frameworks=("CIS Kubernetes 1.12: 5.1.1-5.1.13", "KSV-0041", "KSV-0111"),
    ),
    Rule(
        id="sec-readonly-rootfs",
        title="No container can write to its root file system",
        check=_check_root_filesystem,
        reason="What can't be written can't keep an intruder's tools",
        remediation="Set readOnlyRootFilesystem to true and mount an emptyDir for scratch files",
        frameworks=("KSV-0014", "NSA/CISA 1.1"),
    ),
)
STACK_RULES: tuple[Rule[Stack], ...] = (
    Rule(
        id="id-sa",
        case="exists",
        title="Every pod's ServiceAccount is in the stack",
        check=_check_account_exists,
        reason="Without its account no pod starts; one that others made has rights unknown here",
        remediation="Add the ServiceAccount to the stack, or name one that is there",
        frameworks=("CIS Kubernetes 1.12: 5.1.5", "kube-linter non-existent-service-account"),
    ),
)
