"""The stack's connection to its cluster, and the namespaces that it owns."""

from collections.abc import Iterable

import pulumi
import pulumi_kubernetes as kubernetes

from components import network
from mlifecycle.governance.objects.pod_security import VERSION
from mlifecycle.stack.settings import StackSettings

# Pod Security: nothing that is not restricted is admitted, whoever makes it.
POD_SECURITY = {
    f"pod-security.kubernetes.io/{mode}{field}": value
    for mode in ("enforce", "warn", "audit")
    for field, value in (("", "restricted"), ("-version", VERSION))
}


def provider(settings: StackSettings) -> kubernetes.Provider:
    """One for the stack; only another cluster, not another kubeconfig, replaces the objects."""
    return kubernetes.Provider(
        "cluster",
        context=settings.kube_context or None,
        cluster_identifier=settings.cluster_identifier,
    )


def namespaces(names: Iterable[str], options: pulumi.ResourceOptions) -> dict[str, pulumi.Resource]:
    """Each namespace that the stack's models land in, closed; what a model needs depends on it."""
    return {name: _namespace(name, options) for name in sorted(set(names))}


def _namespace(name: str, options: pulumi.ResourceOptions) -> pulumi.Resource:
    namespace = kubernetes.core.v1.Namespace(
        name,
        metadata=kubernetes.meta.v1.ObjectMetaArgs(
            name=name,
            labels={**POD_SECURITY, "app.kubernetes.io/managed-by": "pulumi"},
        ),
        opts=options,
    )
    after = pulumi.ResourceOptions(depends_on=[namespace])
    return network.default_deny(name, pulumi.ResourceOptions.merge(options, after))
