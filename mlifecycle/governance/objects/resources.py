"""Rules about what containers ask for and what they may use at most."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from mlifecycle.governance.objects.kubernetes import (
    Container,
    KubernetesObject,
    containers_of,
    pod_of,
)
from mlifecycle.governance.objects.values import found, known, section, sections, shown
from mlifecycle.governance.rule import Objection, Rule, Terms
from mlifecycle.quantity import is_whole, parse_quantity

# Kubernetes gives ephemeral containers no resources.
_FIELDS = ("initContainers", "containers")


def _check_requests(item: KubernetesObject, _: Terms) -> Iterator[Objection]:
    for container in containers_of(item, *_FIELDS):
        yield from _missing(container, "requests", "cpu")
        yield from _missing(container, "requests", "memory")


def _check_memory_limit(item: KubernetesObject, _: Terms) -> Iterator[Objection]:
    for container in containers_of(item, *_FIELDS):
        yield from _missing(container, "limits", "memory")
        most = _given(container, "limits", "memory")
        if (amount := _amount(most)) and not is_whole(amount):
            message = f"{container}: resources.limits.memory is {shown(most)}, a part of a byte"
            yield Objection(message, found(most), (*container.path, "resources"))
        asked, most = (_given(container, kind, "memory") for kind in ("requests", "limits"))
        # A pod that uses more than it asked for is the first to be killed when its node is full.
        if _amount(asked) and _amount(most) and _amount(asked) != _amount(most):
            yield Objection(
                f"{container}: resources.limits.memory is {shown(most)},"
                f" but resources.requests.memory is {shown(asked)}",
                found(most),
                (*container.path, "resources", "limits", "memory"),
            )


def _check_cpu_limit(item: KubernetesObject, _: Terms) -> Iterator[Objection]:
    for container in containers_of(item, *_FIELDS):
        yield from _missing(container, "limits", "cpu")


def _check_ephemeral(item: KubernetesObject, _: Terms) -> Iterator[Objection]:
    for container in containers_of(item, *_FIELDS):
        yield from _missing(container, "limits", "ephemeral-storage")
    pod = pod_of(item)
    for index, volume in enumerate(sections(pod.spec, "volumes") if pod else ()):
        limit = section(volume, "emptyDir").get("sizeLimit")
        if _is_empty_dir(volume) and not _amount(limit):
            yield Objection(
                f"volume {shown(volume.get('name'))}: emptyDir.sizeLimit is {shown(limit)},"
                " not an amount above 0",
                found(limit),
                (*pod.path, "spec", "volumes", index) if pod else (),
            )


def _missing(container: Container, kind: str, resource: str) -> Iterator[Objection]:
    """An objection where a container has no amount of a resource; 0 stands for no limit."""
    amount = _given(container, kind, resource)
    if not _amount(amount):
        yield Objection(
            f"{container}: resources.{kind}.{resource} is {shown(amount)}, not an amount above 0",
            found(amount),
            (*container.path, "resources"),
        )


def _given(container: Container, kind: str, resource: str) -> Any:
    return section(section(container.body, "resources"), kind).get(resource)


def _amount(value: Any) -> Decimal | None:
    """An amount above 0; None for anything else."""
    value = known(value)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    amount = parse_quantity(str(value))
    return amount if amount and amount > 0 else None


def _is_empty_dir(volume: Mapping[str, Any]) -> bool:
    """A volume without a source is one too: Kubernetes' default."""
    sources = {key for key, value in volume.items() if key != "name" and known(value) is not None}
    return not sources or "emptyDir" in sources


OBJECT_RULES: tuple[Rule[KubernetesObject], ...] = (
    Rule(
        id="res-requests",
        title="Every container requests cpu and memory",
        check=_check_requests,
        reason="Without requests the scheduler overfills a node",
        remediation="Set resources.requests.cpu and resources.requests.memory on the container",
        frameworks=("KSV-0015", "KSV-0016"),
    ),
    Rule(
        id="res-memory-limit",
        title="Every container has a memory limit, and asks for just as much",
        check=_check_memory_limit,
        reason="One container's leak must not kill its neighbours",
        remediation="Set resources.limits.memory and resources.requests.memory to one amount",
        frameworks=("KSV-0018", "NSA/CISA 4.1", "Kyverno memory-requests-equal-limits"),
    ),
    Rule(
        id="res-cpu-limit",
        title="Every container has a cpu limit",
        check=_check_cpu_limit,
        reason="One container must not starve its neighbours",
        remediation="Set resources.limits.cpu on the container",
        frameworks=("KSV-0011", "NSA/CISA 4.1"),
    ),
    Rule(
        id="res-ephemeral",
        title="What a pod writes to its node is bounded",
        check=_check_ephemeral,
        reason="A full disk evicts every pod of the node",
        remediation=(
            "Set resources.limits.ephemeral-storage on the container"
            " and sizeLimit on each emptyDir volume"
        ),
        frameworks=("Gatekeeper containerephemeralstoragelimit",),
    ),
)
