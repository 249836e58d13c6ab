"""Rules that keep enough pods: replicas, autoscaling, disruption."""

import math
from collections.abc import Iterator

from mlifecycle.governance.objects.kubernetes import (
    KubernetesObject,
    Pod,
    Stack,
    is_replicated,
    keeps_running,
    pod_of,
    pods_of,
    scale_target,
    scales,
    selects,
)
from mlifecycle.governance.objects.values import found, known, section, shown, text, whole
from mlifecycle.governance.rule import Objection, Rule, Terms

_EVICTION_POLICIES = ("AlwaysAllow", "IfHealthyBudget")
_BUDGETS = ("minAvailable", "maxUnavailable")


def _check_replicas(stack: Stack, terms: Terms) -> Iterator[Objection]:
    for item, pod in pods_of(stack):
        counts = is_replicated(item) or (item.kind == "Pod" and keeps_running(item, pod))
        if counts and (floor := _floor(item, stack)) < terms.limit:
            message = f"{item.title}: replicas can be {floor}, fewer than"
            yield Objection(f"{message} {terms.limit}", str(floor), ("spec", "replicas"), str(item))


def _floor(item: KubernetesObject, stack: Stack) -> int:
    """The fewest replicas that a workload is meant to have; what is no number counts as none."""
    if scalers := _scalers(item, stack):
        return min(_number(scaler, "minReplicas", absent=1) for scaler in scalers)
    return _number(item, "replicas", absent=1)


def _number(item: KubernetesObject, field: str, *, absent: int) -> int:
    value = known(item.spec.get(field))
    return absent if value is None else whole(value) or 0


def _scalers(item: KubernetesObject, stack: Stack) -> list[KubernetesObject]:
    return [
        scaler
        for scaler in stack
        if scaler.is_a("HorizontalPodAutoscaler") and scales(scaler, item)
    ]


def _check_scaling(stack: Stack, _: Terms) -> Iterator[Objection]:
    for item in stack:
        if item.is_a("HorizontalPodAutoscaler"):
            yield from _check_scaler(item, stack)
        elif item.kind == "Deployment" and (pod := pod_of(item)) and pod.is_ours:
            count = len(_scalers(item, stack))
            if count != 1:
                message = f"Deployment {shown(item.name)} has {count} HorizontalPodAutoscalers"
                yield Objection(f"{message}, not one", str(count), (), str(item))


def _check_scaler(scaler: KubernetesObject, stack: Stack) -> Iterator[Objection]:
    name = f"HorizontalPodAutoscaler {shown(scaler.name)}"
    version = scaler.body.get("apiVersion")
    if version != "autoscaling/v2":
        message = f"{name}: apiVersion is {shown(version)}, not autoscaling/v2"
        yield Objection(message, found(version), ("apiVersion",), str(scaler))
    fewest = _number(scaler, "minReplicas", absent=1)
    most = _number(scaler, "maxReplicas", absent=0)
    if fewest > most:
        message = f"{name}: minReplicas {fewest} is more than maxReplicas {most}"
        yield Objection(message, str(fewest), ("spec", "minReplicas"), str(scaler))
    target = scale_target(scaler, stack)
    if target is None:
        reference = section(scaler.spec, "scaleTargetRef")
        wanted = f"{shown(reference.get('kind'))} {shown(reference.get('name'))}"
        message = f"{name}: scaleTargetRef {wanted} is not in the stack"
        yield Objection(message, wanted, ("spec", "scaleTargetRef"), str(scaler))
    elif known(target.spec.get("replicas")) is not None:
        message = f"{target.title}: spec.replicas is set, but {name} sets it"
        yield Objection(message, shown(target.spec["replicas"]), ("spec", "replicas"), str(target))


def _check_disruption(stack: Stack, _: Terms) -> Iterator[Objection]:
    budgets = [item for item in stack if item.is_a("PodDisruptionBudget")]
    for item, pod in pods_of(stack):
        if not is_replicated(item):
            continue
        name = f"{item.title}"
        chosen = [budget for budget in budgets if covers(budget, item, pod)]
        # One pod can't be spared and kept, so a budget for it is its owner's choice.
        if len(chosen) > 1 or (not chosen and _floor(item, stack) > 1):
            message = f"{name} has {len(chosen)} PodDisruptionBudgets, not one"
            yield Objection(message, str(len(chosen)), (), str(item))
        for budget in chosen:
            yield from _check_budget(budget)
            floor = _floor(item, stack)
            if floor > 1 and _allowed(budget, floor) >= floor:
                message = f"PodDisruptionBudget {shown(budget.name)} lets every pod of {name} go"
                yield Objection(message, None, ("spec",), str(budget))
            if not _lets_go(budget, floor):
                asked = " and ".join(
                    f"{field} {shown(budget.spec[field])}"
                    for field in _BUDGETS
                    if budget.spec.get(field) is not None
                )
                message = f"PodDisruptionBudget {shown(budget.name)} with {asked or 'no number'}"
                yield Objection(
                    f"{message} lets no pod of {name} go", asked, ("spec",), str(budget)
                )


def _check_budget(budget: KubernetesObject) -> Iterator[Objection]:
    name = f"PodDisruptionBudget {shown(budget.name)}"
    eviction = known(budget.spec.get("unhealthyPodEvictionPolicy"))
    if eviction not in _EVICTION_POLICIES:
        message = f"{name}: unhealthyPodEvictionPolicy is {shown(eviction)}"
        words = f"{message}, not {' or '.join(_EVICTION_POLICIES)}"
        yield Objection(words, found(eviction), ("spec",), str(budget))
    given = [field for field in _BUDGETS if known(budget.spec.get(field)) is not None]
    if len(given) > 1:
        message = f"{name} has both {' and '.join(given)}, and the cluster takes one"
        yield Objection(message, None, ("spec",), str(budget))


def covers(budget: KubernetesObject, item: KubernetesObject, pod: Pod) -> bool:
    """Whether a PodDisruptionBudget selects the pods of a workload."""
    return (
        budget.namespace == item.namespace
        # An absent selector chooses no pod, an empty one all.
        and known(budget.spec.get("selector")) is not None
        and selects(section(budget.spec, "selector"), pod.labels)
    )


def _lets_go(budget: KubernetesObject, replicas: int) -> bool:
    """Whether one of so many pods may be evicted."""
    return _allowed(budget, replicas) >= 1


def _allowed(budget: KubernetesObject, replicas: int) -> int:
    """How many of so many pods may be evicted at once; Kubernetes rounds both percentages up."""
    most = known(budget.spec.get("maxUnavailable"))
    if most is not None:
        return _share(text(budget.spec, "maxUnavailable"), replicas, whole(most))
    fewest = known(budget.spec.get("minAvailable"))
    if fewest is None:
        return 0
    needed = _share(text(budget.spec, "minAvailable"), replicas, whole(fewest))
    return replicas - needed if needed >= 0 else 0


def _share(percentage: str, replicas: int, number: int | None) -> int:
    """A number or a percentage of the replicas; -1 for what is neither."""
    if number is not None:
        return number
    digits = percentage.removesuffix("%")
    if digits == percentage or not (digits.isascii() and digits.isdigit()) or len(digits) > 3:
        return -1
    return math.ceil(int(digits) * replicas / 100)


STACK_RULES: tuple[Rule[Stack], ...] = (
    Rule(
        id="rel-replicas",
        title="Every workload has at least {threshold} replicas",
        check=_check_replicas,
        reason="The loss of a node must not end the service",
        remediation="Raise minReplicas of the HorizontalPodAutoscaler, or replicas without one",
        frameworks=("Pulumi configureMinimumReplicaCount",),
        has_threshold=True,
    ),
    Rule(
        id="rel-hpa",
        title="Every model scales by one sound HorizontalPodAutoscaler",
        check=_check_scaling,
        reason="Load that grows must find pods, and two owners of one number fight",
        remediation=(
            "Give the Deployment one autoscaling/v2 HorizontalPodAutoscaler"
            " with minReplicas <= maxReplicas, and leave its replicas unset"
        ),
        frameworks=("kube-linter dangling-horizontalpodautoscaler", "Polaris hpaMinAvailability"),
    ),
    Rule(
        id="rel-pdb",
        title="Every workload has one PodDisruptionBudget that lets a pod go",
        check=_check_disruption,
        reason="A drain must neither take every pod nor wait for ever",
        remediation="Give the workload one PodDisruptionBudget with maxUnavailable 1",
        frameworks=("kube-linter pdb-min-available", "Pulumi disallowZeroVoluntaryDisruption"),
    ),
)
