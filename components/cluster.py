"""The stack's connection to its cluster, and the namespaces that it owns."""

from collections.abc import Iterable
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes

from components import network
from components.admission import Admission, ReleasedImages
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
        # Else one is removed and made anew when it changes; pods that start meanwhile lack it.
        enable_secret_mutable=True,
    )


@dataclass(frozen=True)
class OwnedNamespace:
    """A namespace that the stack's models land in, closed.

    Attributes:
        closed: what a model needs depends on it.
        released: what it admits.
    """

    closed: pulumi.Resource
    released: ReleasedImages


def namespaces(
    names: Iterable[str], how: Admission, options: pulumi.ResourceOptions
) -> dict[str, OwnedNamespace]:
    """Each namespace that the stack's models land in, by its name."""
    return {name: _namespace(name, how, options) for name in sorted(set(names))}


def _namespace(name: str, how: Admission, options: pulumi.ResourceOptions) -> OwnedNamespace:
    namespace = kubernetes.core.v1.Namespace(
        name,
        metadata=kubernetes.meta.v1.ObjectMetaArgs(
            name=name, labels={**POD_SECURITY, "app.kubernetes.io/managed-by": "pulumi"}
        ),
        opts=options,
    )
    after = pulumi.ResourceOptions.merge(options, pulumi.ResourceOptions(depends_on=[namespace]))
    return OwnedNamespace(network.default_deny(name, after), ReleasedImages(name, how, options))
