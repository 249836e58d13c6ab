"""Rules about who reaches a service and what a pod may reach."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import (
    IPv4Network,
    IPv6Network,
    collapse_addresses,
    ip_address,
    ip_network,
)
from typing import Any, TypeVar

from mlifecycle.governance.objects.kubernetes import KubernetesObject, Pod, Stack, pods_of, selects
from mlifecycle.governance.objects.values import (
    entries,
    found,
    known,
    section,
    sections,
    shown,
)
from mlifecycle.governance.rule import Objection, Path, Rule, Terms

Network = IPv4Network | IPv6Network
Kind = TypeVar("Kind", IPv4Network, IPv6Network)

# IPv4 as IPv6: mapped (RFC 4291, 2.5.5.2), and through a translator (RFC 6052, 2.1).
_HOLDING_IPV4 = (IPv6Network("::ffff:0:0/96"), IPv6Network("64:ff9b::/96"))
# All IPv6 addresses that are routed between networks (RFC 4291, 2.4).
_PUBLIC = IPv6Network("2000::/3")
# Where clouds hand out a node's credentials.
_METADATA_ADDRESSES = (ip_address("169.254.169.254"), ip_address("fd00:ec2::254"))


def _check_service_type(item: KubernetesObject, _: Terms) -> Iterator[Objection]:
    if not item.is_a("Service"):
        return
    kind = known(item.spec.get("type"))
    if kind not in (None, "ClusterIP"):
        message = f"spec.type of Service {shown(item.name)} is {shown(kind)}, not ClusterIP"
        yield Objection(message, shown(kind), ("spec", "type"))
    for index, address in enumerate(entries(item.spec, "externalIPs")):
        message = f"spec.externalIPs of Service {shown(item.name)} has {shown(address)}"
        yield Objection(message, shown(address), ("spec", "externalIPs", index))
    if name := known(item.spec.get("externalName")):
        message = f"spec.externalName of Service {shown(item.name)} is {shown(name)}"
        yield Objection(message, shown(name), ("spec", "externalName"))


def _check_no_any(item: KubernetesObject, _: Terms) -> Iterator[Objection]:
    if not item.is_a("NetworkPolicy"):
        return
    for index, rule in enumerate(sections(item.spec, "egress")):
        path: Path = ("spec", "egress", index)
        peers = list(sections(rule, "to"))
        if not peers or not all(_is_given(peer) for peer in peers):
            yield Objection(
                f"egress rule {index} lets out to any address: it has no to", None, path
            )
        for place, peer in enumerate(peers):
            if known(peer.get("ipBlock")) is not None:
                yield from _check_block(section(peer, "ipBlock"), (*path, "to", place, "ipBlock"))


def _is_given(peer: Mapping[str, Any]) -> bool:
    return any(known(value) is not None for value in peer.values())


def _check_block(block: Mapping[str, Any], path: Path) -> Iterator[Objection]:
    cidr = block.get("cidr")
    network = _network(cidr)
    if network is None:
        yield Objection(f"egress ipBlock {shown(cidr)} is no network", found(cidr), path)
        return
    if _are_any([network]):
        yield Objection(f"egress ipBlock {shown(cidr)} is any address", shown(cidr), path)
        return
    holes = [hole for hole in map(_network, entries(block, "except")) if hole is not None]
    for address in _METADATA_ADDRESSES:
        if address in network and not any(address in hole for hole in holes):
            message = f"egress ipBlock {shown(cidr)} contains the metadata address {address}"
            yield Objection(message, shown(cidr), path)


def _check_union(stack: Stack, _: Terms) -> Iterator[Objection]:
    """0.0.0.0/1 and 128.0.0.0/1 are any address as well, in one policy or in two."""
    policies = _policies(stack)
    for item, pod in pods_of(stack):
        networks = [
            network
            for policy in policies
            if _chooses(policy, item, pod)
            for network in _egress_networks(policy)
        ]
        if _are_any(networks):
            blocks = shown(", ".join(sorted(map(str, networks))))
            message = f"the egress ipBlocks of {item.title} together are any address: {blocks}"
            yield Objection(message, None, (), str(item))


def _egress_networks(policy: KubernetesObject) -> Iterator[Network]:
    """What a policy lets out to, but for what is refused by itself."""
    for rule in sections(policy.spec, "egress"):
        for peer in sections(rule, "to"):
            network = _network(section(peer, "ipBlock").get("cidr"))
            if network is not None and not _are_any([network]):
                yield network


def _are_any(networks: Sequence[Network]) -> bool:
    """Whether they are half of all addresses or more, which no service has.

    Not only all of them: the blocks that nobody uses, and holes, would be left out.
    """
    four = [network for network in networks if isinstance(network, IPv4Network)]
    six = [network for network in networks if isinstance(network, IPv6Network)]
    if any(network.supernet_of(held) for network in six for held in _HOLDING_IPV4):
        return True
    public = [network for network in six if network.overlaps(_PUBLIC)]
    if any(network.supernet_of(_PUBLIC) for network in public):
        return True
    return _size(four) >= 2**31 or _size(public) >= _PUBLIC.num_addresses // 2


def _size(networks: Iterable[Kind]) -> int:
    return sum(network.num_addresses for network in collapse_addresses(networks))


def _network(cidr: Any) -> Network | None:
    cidr = known(cidr)
    if not isinstance(cidr, str):
        return None
    try:
        network = ip_network(cidr, strict=False)
    except ValueError:
        return None
    if isinstance(network, IPv6Network) and any(map(network.subnet_of, _HOLDING_IPV4)):
        return IPv4Network((int(network.network_address) & 0xFFFFFFFF, network.prefixlen - 96))
    return network


def _check_default_deny(stack: Stack, _: Terms) -> Iterator[Objection]:
    policies = _policies(stack)
    denied = {policy.namespace for policy in policies if _denies_all(policy)}
    for item, _pod in pods_of(stack):
        if item.namespace not in denied:
            message = (
                f"namespace {shown(item.namespace)} has no NetworkPolicy with an empty podSelector,"
                " policyTypes Ingress and Egress, and no rule"
            )
            yield Objection(message, item.namespace, (), str(item))


def _denies_all(policy: KubernetesObject) -> bool:
    types = entries(policy.spec, "policyTypes")
    return (
        _chooses_all(policy)
        and "Ingress" in types
        and "Egress" in types
        and not entries(policy.spec, "ingress")
        and not entries(policy.spec, "egress")
    )


def _check_selected(stack: Stack, _: Terms) -> Iterator[Objection]:
    policies = [policy for policy in _policies(stack) if not _chooses_all(policy)]
    pods = pods_of(stack)
    for item, pod in pods:
        if not any(_chooses(policy, item, pod) for policy in policies):
            message = f"no NetworkPolicy of its own selects the pods of {item.title}"
            yield Objection(message, None, (), str(item))
    for policy in policies:
        if not any(_chooses(policy, item, pod) for item, pod in pods):
            message = f"NetworkPolicy {shown(policy.name)} selects no pod of the stack"
            yield Objection(message, None, ("spec", "podSelector"), str(policy))
        for peer, path in _own_peers(policy):
            if not any(
                policy.namespace == item.namespace and selects(peer, pod.labels)
                for item, pod in pods
            ):
                message = f"NetworkPolicy {shown(policy.name)} names pods that are not in the stack"
                yield Objection(message, None, path, str(policy))


def _own_peers(policy: KubernetesObject) -> Iterator[tuple[Mapping[str, Any], Path]]:
    """The pods of its own namespace that a policy names; what others hold is not known here."""
    for direction, side in (("ingress", "from"), ("egress", "to")):
        for index, rule in enumerate(sections(policy.spec, direction)):
            for place, peer in enumerate(sections(rule, side)):
                is_own = known(peer.get("namespaceSelector")) is None
                if is_own and known(peer.get("podSelector")) is not None:
                    path = ("spec", direction, index, side, place, "podSelector")
                    yield section(peer, "podSelector"), path


def _policies(stack: Stack) -> list[KubernetesObject]:
    return [item for item in stack if item.is_a("NetworkPolicy")]


def _chooses_all(policy: KubernetesObject) -> bool:
    selector = section(policy.spec, "podSelector")
    return not section(selector, "matchLabels") and not entries(selector, "matchExpressions")


def _chooses(policy: KubernetesObject, item: KubernetesObject, pod: Pod) -> bool:
    return policy.namespace == item.namespace and selects(
        section(policy.spec, "podSelector"), pod.labels
    )


OBJECT_RULES: tuple[Rule[KubernetesObject], ...] = (
    Rule(
        id="net-service-type",
        title="Services are reached from within the cluster only",
        check=_check_service_type,
        reason="A port on every node or a load balancer exposes a model past its Ingress",
        remediation="Make the Service a ClusterIP without externalIPs and externalName",
        frameworks=("KSV-0108", "Pulumi disallowLoadBalancer"),
    ),
    Rule(
        id="net-no-any",
        case="each",
        title="No NetworkPolicy lets pods out to any address",
        check=_check_no_any,
        reason="A pod that reaches everything can send data away, or fetch its node's credentials",
        remediation=(
            "Name in each egress rule the networks that are needed,"
            " without the metadata address 169.254.169.254"
        ),
        frameworks=("NSA/CISA 2.0",),
    ),
)
STACK_RULES: tuple[Rule[Stack], ...] = (
    Rule(
        id="net-no-any",
        case="together",
        title="No NetworkPolicies together let pods out to any address",
        check=_check_union,
        reason="Two halves of all addresses are all addresses",
        remediation="Name in the egress rules of all its policies what the workload needs",
        frameworks=("NSA/CISA 2.0",),
    ),
    Rule(
        id="net-default-deny",
        title="Every namespace with a workload denies all traffic by default",
        check=_check_default_deny,
        reason="A pod that no policy selects talks to everything",
        remediation=(
            "Add a NetworkPolicy with an empty podSelector, policyTypes Ingress and Egress,"
            " and no rule to the namespace"
        ),
        frameworks=("CIS Kubernetes 1.12: 5.3.2", "NSA/CISA 2.0"),
    ),
    Rule(
        id="net-selected",
        title="Every workload has a NetworkPolicy, and every NetworkPolicy its pods",
        check=_check_selected,
        reason="A policy that selects nothing looks like protection and is none",
        remediation="Make the policy's podSelectors match the labels of the workloads' pods",
        frameworks=("CIS Kubernetes 1.12: 5.3.2", "kube-linter dangling-networkpolicy"),
    ),
)
