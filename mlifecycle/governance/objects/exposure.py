"""Rules on what is reached from outside the cluster."""

from collections.abc import Iterator, Mapping
from typing import Any

from mlifecycle.governance.objects.kubernetes import KubernetesObject, Stack
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

# The controller's configuration in the words of whoever writes the Ingress (CVE-2021-25742).
_SNIPPET = "-snippet"


def _check_https(item: KubernetesObject, _: Terms) -> Iterator[Objection]:
    if not item.is_a("Ingress"):
        return
    if section(item.spec, "defaultBackend"):
        message = f"Ingress {shown(item.name)} has a defaultBackend, which answers for every host"
        yield Objection(message, None, ("spec", "defaultBackend"))
    secured = [known(host) for tls in sections(item.spec, "tls") for host in entries(tls, "hosts")]
    for index, rule in enumerate(sections(item.spec, "rules")):
        host = text(rule, "host")
        path: Path = ("spec", "rules", index)
        if not host or "*" in host:
            message = f"Ingress {shown(item.name)} answers for the host {shown(host or None)}"
            yield Objection(f"{message}, not for one of its own", host or None, path)
        elif host not in secured:
            message = f"Ingress {shown(item.name)} has no TLS for {shown(host)}"
            yield Objection(message, host, path)
    annotations: Mapping[str, Any] = section(item.metadata, "annotations")
    for name in annotations:
        if name.endswith(_SNIPPET):
            message = f"annotation {shown(name)} of Ingress {shown(item.name)}"
            path = ("metadata", "annotations", name)
            yield Objection(
                f"{message} writes the controller's configuration",
                found(known(annotations[name])),
                path,
            )


def _check_one_owner(stack: Stack, _: Terms) -> Iterator[Objection]:
    owners: dict[tuple[str, str], str] = {}
    for item in stack:
        if not item.is_a("Ingress"):
            continue
        for index, rule in enumerate(sections(item.spec, "rules")):
            for entry in sections(section(rule, "http"), "paths"):
                host, start = text(rule, "host"), text(entry, "path")
                owner = owners.get((host, start))
                if owner:
                    message = f"{item.title} answers for {shown(host + start)}, as {owner} does"
                    yield Objection(message, host, ("spec", "rules", index), str(item))
                owners.setdefault((host, start), item.title)


OBJECT_RULES: tuple[Rule[KubernetesObject], ...] = (
    Rule(
        id="net-ingress",
        case="each",
        title="From outside, a model is reached at a host of its own and by https only",
        check=_check_https,
        reason="What travels in plain text can be read and changed; a wildcard takes others' calls",
        remediation=(
            "Name each rule's host, list it under tls, and leave out defaultBackend and snippets"
        ),
        frameworks=("KCV-0093", "Gatekeeper K8sHttpsOnly"),
    ),
)
STACK_RULES: tuple[Rule[Stack], ...] = (
    Rule(
        id="net-ingress",
        case="together",
        title="Each address outside the cluster belongs to one model",
        check=_check_one_owner,
        reason="Of two that answer for one address, chance decides which is asked",
        remediation="Give one of them another host",
        frameworks=("Gatekeeper K8sUniqueIngressHost",),
    ),
)
