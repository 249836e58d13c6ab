"""Which Kubernetes objects one resource of the engine makes."""

from collections.abc import Mapping
from typing import Any

from mlifecycle.governance.objects.kubernetes import KubernetesObject
from mlifecycle.governance.objects.values import sections

# What the engine's types of the Kubernetes provider begin with.
PROVIDER = "kubernetes:"
# The type of a resource whose objects Helm makes by itself: the engine sees none of them.
HELM_RELEASE = "kubernetes:helm.sh/v3:Release"


def objects_of(
    resource_type: str, resource: str, inputs: Mapping[str, Any], *, secret: bool | None = None
) -> list[KubernetesObject]:
    """The objects that a resource makes, or stands for; none where its children are them.

    Args:
        resource_type: the engine's, such as `kubernetes:apps/v1:Deployment`.
        resource: the engine's name of it.
        secret: whether a Secret's data reaches the state encrypted; None where that can't be seen.
    """
    if not resource_type.startswith(PROVIDER):
        return []
    if resource_type == HELM_RELEASE:
        release = {**inputs, "apiVersion": "helm.sh/v3", "kind": "Release"}
        return [KubernetesObject(resource, release)]
    if "kind" not in inputs:
        return []
    return _unfolded(KubernetesObject(resource, inputs, secret))


def _unfolded(item: KubernetesObject) -> list[KubernetesObject]:
    """The objects in a list of them (`PodList`), however deep; any other is its own only one."""
    if not item.kind.endswith("List") or "items" not in item.body:
        return [item]
    kind, version = item.kind.removesuffix("List"), item.body.get("apiVersion")
    return [
        inner
        for body in sections(item.body, "items")
        for inner in _unfolded(
            KubernetesObject(
                item.resource, {"apiVersion": version, "kind": kind, **body}, item.secret
            )
        )
    ]
