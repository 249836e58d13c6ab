"""Who may call a model, and what it may call."""

from collections.abc import Iterable

import pulumi
from pulumi_kubernetes.meta import v1 as meta
from pulumi_kubernetes.networking import v1 as networking

from components.release import Release
from mlifecycle.stack.settings import Egress

NAMESPACE_NAME = "kubernetes.io/metadata.name"
DNS_NAMESPACE = "kube-system"
DNS_PORT = 53


def default_deny(namespace: str, options: pulumi.ResourceOptions) -> networking.NetworkPolicy:
    """Nothing in or out of the namespace that no other policy lets through."""
    labels = {
        "app.kubernetes.io/name": "default-deny",
        "app.kubernetes.io/instance": "default-deny",
        "app.kubernetes.io/version": "1",
        "app.kubernetes.io/component": "network",
        "app.kubernetes.io/part-of": "mlifecycle",
        "app.kubernetes.io/managed-by": "pulumi",
    }
    return networking.NetworkPolicy(
        f"{namespace}-default-deny",
        metadata=meta.ObjectMetaArgs(name="default-deny", namespace=namespace, labels=labels),
        spec=networking.NetworkPolicySpecArgs(
            pod_selector=meta.LabelSelectorArgs(), policy_types=["Ingress", "Egress"]
        ),
        opts=options,
    )


def model_policy(
    release: Release,
    callers: Iterable[str],
    ports: Iterable[int],
    egress: Iterable[Egress],
    options: pulumi.ResourceOptions,
) -> pulumi.Resource:
    """In from the callers' namespaces, out to DNS and to what the stack names.

    Args:
        callers: namespaces whose pods may call the model.
        ports: those that it listens on.
    """
    dns = [
        networking.NetworkPolicyPortArgs(protocol=protocol, port=DNS_PORT)
        for protocol in ("UDP", "TCP")
    ]
    return networking.NetworkPolicy(
        release.model,
        metadata=release.metadata(),
        spec=networking.NetworkPolicySpecArgs(
            pod_selector=meta.LabelSelectorArgs(match_labels=release.selector()),
            policy_types=["Ingress", "Egress"],
            ingress=[
                networking.NetworkPolicyIngressRuleArgs(
                    from_=[_namespace(name) for name in sorted(set(callers))],
                    ports=[
                        networking.NetworkPolicyPortArgs(protocol="TCP", port=port)
                        for port in ports
                    ],
                )
            ],
            egress=[
                networking.NetworkPolicyEgressRuleArgs(to=[_namespace(DNS_NAMESPACE)], ports=dns),
                *(
                    networking.NetworkPolicyEgressRuleArgs(
                        to=[
                            networking.NetworkPolicyPeerArgs(
                                ip_block=networking.IPBlockArgs(cidr=item.network)
                            )
                        ],
                        ports=[
                            networking.NetworkPolicyPortArgs(protocol=item.protocol, port=item.port)
                        ],
                    )
                    for item in egress
                ),
            ],
        ),
        opts=options,
    )


def _namespace(name: str) -> networking.NetworkPolicyPeerArgs:
    return networking.NetworkPolicyPeerArgs(
        namespace_selector=meta.LabelSelectorArgs(match_labels={NAMESPACE_NAME: name})
    )
