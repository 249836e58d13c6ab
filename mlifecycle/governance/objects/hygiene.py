"""Rules that keep objects seen, findable and in their place."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from mlifecycle.governance.objects.kubernetes import (
    PART_OF,
    KubernetesObject,
    hidden_containers,
    pod_of,
)
from mlifecycle.governance.objects.pod_security import VERSION
from mlifecycle.governance.objects.values import found, known, shown
from mlifecycle.governance.rule import Objection, Path, Rule, Terms

# What has no namespace; a kind that is not here counts as having one.
_CLUSTER_SCOPED = re.compile(
    r"Cluster[A-Z]\w*|VolumeAttributesClass|DeviceClass|ServiceCIDR|IPAddress|ResourceSlice|CSI(Driver|Node)|CustomResourceDefinition|APIService|FlowSchema|Namespace|Node"
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
_LABEL_KEY = re.compile(
    r"(?:[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?"
)
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?")
# Kinds of which somebody else makes pods, by API group; None is every kind of the group.
_MAKERS: Mapping[str, tuple[str, ...] | None] = {
    "argoproj.io": ("Application", "ApplicationSet", "Workflow", "CronWorkflow"),
    "helm.cattle.io": None,
    "helm.sh": None,
    "helm.toolkit.fluxcd.io": None,
    "kustomize.toolkit.fluxcd.io": None,
    "machinelearning.seldon.io": None,
    "mlops.seldon.io": None,
    "ray.io": None,
    "serving.kserve.io": None,
}
# What lets traffic through beside NetworkPolicies, in a form that no rule reads.
_OTHER_POLICIES = (
    *("cilium.io", "crd.projectcalico.org", "projectcalico.org", "policy.networking.k8s.io"),
    *("crd.antrea.io", "security.antrea.io"),
)

_STANDARD_VERSION = re.compile(r"v1\.([0-9]{1,3})")


def _check_seen(item: KubernetesObject, _: Terms) -> Iterator[Objection]:
    makers = _MAKERS.get(item.group, ())
    if (item.group, item.kind) == ("helm.sh", "Release"):
        yield Objection(f"release {shown(item.resource)} makes objects that no rule can see")
    elif makers is None or item.kind in makers or hidden_containers(item):
        yield Objection(f"{item.title} makes pods that no rule can see")
    elif item.group in _OTHER_POLICIES and item.kind.endswith("Policy"):
        yield Objection(f"{item.title} lets traffic through that no rule can see")


def _check_namespace(item: KubernetesObject, terms: Terms) -> Iterator[Objection]:
    is_namespace = item.kind == "Namespace"
    if _CLUSTER_SCOPED.fullmatch(item.kind) and not is_namespace:
        return
    name = item.name if is_namespace else item.namespace
    path = ("metadata", "name" if is_namespace else "namespace")
    if name == "default" or name.startswith("kube-"):
        message = f"namespace {shown(name)} of {item.title} is Kubernetes' own"
        yield Objection(message, name, path)
        return
    before, _, after = terms.context.namespace.partition("{namespace}")
    if not (name.startswith(before) and name.endswith(after)) or name == before + after:
        message = f"namespace {shown(name)} of {item.title} is not this stack's: it is named"
        yield Objection(f"{message} {terms.context.namespace}", name, path)


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
        version = known(item.labels.get(f"{label}-version"))
        if not _is_recent(version):
            message = f"label {label}-version of Namespace {shown(item.name)} is {shown(version)}"
            yield Objection(
                f"{message}, not {VERSION} or newer",
                found(version),
                ("metadata", "labels", f"{label}-version"),
            )


def _is_recent(version: Any) -> bool:
    """Whether it is of the standards that the rules are of, or of later ones."""
    if version == "latest":
        return True
    minor = _STANDARD_VERSION.fullmatch(version) if isinstance(version, str) else None
    return minor is not None and int(minor[1]) >= int(VERSION.rpartition(".")[2])


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
        if not _LABEL_KEY.fullmatch(label):
            yield Objection(f"label {shown(label)}{whose} has no legal name", None, path)
        if known(value) is not None and not (
            isinstance(value, str) and _LABEL_VALUE.fullmatch(value)
        ):
            message = f"label {shown(label)}{whose} is {shown(value)}, no legal label value"
            yield Objection(message, shown(value), (*path, label))


OBJECT_RULES: tuple[Rule[KubernetesObject], ...] = (
    Rule(
        id="object-seen",
        title="Every object is seen before it is made",
        check=_check_seen,
        reason="What Helm or an operator makes by itself, no rule can judge",
        remediation=(
            "Use kubernetes.helm.v4.Chart, whose objects the engine makes,"
            " a kind with a template of pods, or a NetworkPolicy"
        ),
        frameworks=("NIST SSDF PW.9",),
    ),
    Rule(
        id="ten-namespace",
        title="Everything lands in a namespace that is the stack's by its name",
        check=_check_namespace,
        reason="Elsewhere neither this stack's rules nor anybody's quota hold",
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
            " to restricted, and their -version to a version of Kubernetes"
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
)
