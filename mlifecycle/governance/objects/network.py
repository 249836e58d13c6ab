"""Rules about who reaches a service and what a pod may reach."""

from collections.abc import Iterator, Mapping, Sequence
from ipaddress import (
    IPv4Network,
    IPv6Network,
    collapse_addresses,
    ip_address,
    ip_network,
)
from typing import Any

from mlifecycle.governance.objects.kubernetes import KubernetesObject, Pod, pods_of, selects
from mlifecycle.governance.objects.values import (
    entries,
    found,
    known,
    section,
    sections,
    shown,
    text,
    whole,
)
from mlifecycle.governance.rule import Objection, Path, Rule, Terms

Stack = Sequence[KubernetesObject]
Network = IPv4Network | IPv6Network

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
    networks: list[Network] = []
    for index, rule in enumerate(sections(item.spec, "egress")):
        path: Path = ("spec", "egress", index)
        peers = list(sections(rule, "to"))
        if not peers or not all(_is_given(peer) for peer in peers):
            yield Objection(
                f"egress rule {index} lets out to any address: it has no to", None, path
            )
        for place, peer in enumerate(peers):
            if known(peer.get("ipBlock")) is not None:
                block = section(peer, "ipBlock")
                yield from _check_block(block, networks, (*path, "to", place, "ipBlock"))
    yield from _check_union(networks)


def _is_given(peer: Mapping[str, Any]) -> bool:
    return any(known(value) is not None for value in peer.values())


def _check_block(
    block: Mapping[str, Any], networks: list[Network], path: Path
) -> Iterator[Objection]:
    """Judge one ipBlock by itself, and add its network to those that are judged together."""
    cidr = block.get("cidr")
    network = _network(cidr)
    if network is None:
        yield Objection(f"egress ipBlock {shown(cidr)} is no network", found(cidr), path)
        return
    if network.prefixlen == 0:
        yield Objection(f"egress ipBlock {shown(cidr)} is any address", shown(cidr), path)
        return
    networks.append(network)
    holes = [hole for hole in map(_network, entries(block, "except")) if hole is not None]
    for address in _METADATA_ADDRESSES:
        if address in network and not any(address in hole for hole in holes):
            message = f"egress ipBlock {shown(cidr)} contains the metadata address {address}"
            yield Objection(message, shown(cidr), path)


def _check_union(networks: list[Network]) -> Iterator[Objection]:
    """0.0.0.0/1 and 128.0.0.0/1 are any address as well."""
    together: list[Network] = [
        *collapse_addresses(network for network in networks if isinstance(network, IPv4Network)),
        *collapse_addresses(network for network in networks if isinstance(network, IPv6Network)),
    ]
    for network in together:
        if network.prefixlen == 0:
            message = f"the egress ipBlocks together are any address, {network}"
            yield Objection(message, str(network), ("spec", "egress"))


def _network(cidr: Any) -> Network | None:
    cidr = known(cidr)
    if not isinstance(cidr, str):
        return None
    try:
        return ip_network(cidr, strict=False)
    except ValueError:
        return None


def _check_default_deny(stack: Stack, _: Terms) -> Iterator[Objection]:
    policies = _policies(stack)
    denied = {policy.namespace for policy in policies if _denies_all(policy)}
    first = {item.namespace: item for item, _pod in reversed(pods_of(stack))}
    for namespace in sorted(first.keys() - denied):
        message = (
            f"namespace {shown(namespace)} has no NetworkPolicy with an empty podSelector,"
            " policyTypes Ingress and Egress, and no rule"
        )
        yield Objection(message, namespace, (), str(first[namespace]))


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


def _policies(stack: Stack) -> list[KubernetesObject]:
    return [item for item in stack if item.is_a("NetworkPolicy")]


def _chooses_all(policy: KubernetesObject) -> bool:
    selector = section(policy.spec, "podSelector")
    return not section(selector, "matchLabels") and not entries(selector, "matchExpressions")


def _chooses(policy: KubernetesObject, item: KubernetesObject, pod: Pod) -> bool:
    return policy.namespace == item.namespace and selects(
        section(policy.spec, "podSelector"), pod.labels
    )


def check_addresses(stack: Stack) -> Iterator[Objection]:
    """Part of `ref-integrity`: Services lead to pods, Ingresses to ports of Services."""
    services = [item for item in stack if item.is_a("Service")]
    pods = pods_of(stack)
    for service in services:
        # Without a selector, somebody else names the addresses.
        selector = section(service.spec, "selector")
        if selector and not any(
            item.namespace == service.namespace and selects({"matchLabels": selector}, pod.labels)
            for item, pod in pods
        ):
            message = f"the selector of Service {shown(service.name)} matches no pod of the stack"
            yield Objection(message, None, ("spec", "selector"), str(service))
    for ingress in stack:
        if ingress.is_a("Ingress"):
            ports = {
                service.name: list(sections(service.spec, "ports"))
                for service in services
                if service.namespace == ingress.namespace
            }
            for backend, path in _backends(ingress):
                yield from _check_backend(backend, ports, path, ingress)


def _backends(ingress: KubernetesObject) -> Iterator[tuple[Mapping[str, Any], Path]]:
    backend = section(ingress.spec, "defaultBackend")
    if backend:
        yield backend, ("spec", "defaultBackend")
    for index, rule in enumerate(sections(ingress.spec, "rules")):
        for place, entry in enumerate(sections(section(rule, "http"), "paths")):
            path = ("spec", "rules", index, "http", "paths", place, "backend")
            yield section(entry, "backend"), path


def _check_backend(
    backend: Mapping[str, Any],
    ports: Mapping[str, list[Mapping[str, Any]]],
    path: Path,
    ingress: KubernetesObject,
) -> Iterator[Objection]:
    if known(backend.get("resource")) is not None:
        return
    service = section(backend, "service")
    name, port = text(service, "name"), section(service, "port")
    who = f"Ingress {shown(ingress.name)} names"
    if name not in ports:
        message = f"{who} Service {shown(name)}, which is not in the stack"
        yield Objection(message, name, path, str(ingress))
        return
    wanted = text(port, "name") or whole(port.get("number"))
    if wanted is None or not any(
        wanted in (text(offered, "name"), whole(offered.get("port"))) for offered in ports[name]
    ):
        message = f"{who} port {shown(wanted)} of Service {shown(name)}, which has none such"
        yield Objection(message, found(wanted), path, str(ingress))


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
        title="Every workload has a NetworkPolicy, and every NetworkPolicy a workload",
        check=_check_selected,
        reason="A policy that selects nothing looks like protection and is none",
        remediation="Make the policy's podSelector match the labels of the workload's pods",
        frameworks=("CIS Kubernetes 1.12: 5.3.2", "kube-linter dangling-networkpolicy"),
    ),
)
