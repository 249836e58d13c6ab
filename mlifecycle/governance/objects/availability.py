"""Rules that keep a service answering: probes, rollout, replicas, autoscaling, disruption."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from mlifecycle.governance.objects.kubernetes import (
    KubernetesObject,
    Pod,
    pod_of,
    pods_of,
    scale_target,
    scales,
    selects,
)
from mlifecycle.governance.objects.values import found, known, section, sections, shown, text, whole
from mlifecycle.governance.rule import Objection, Rule, Terms

Stack = Sequence[KubernetesObject]

_PROBES = ("startupProbe", "readinessProbe", "livenessProbe")
_HANDLERS = ("httpGet", "tcpSocket", "exec", "grpc")
_LONG_RUNNING = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController")
_REPLICATED = ("Deployment", "StatefulSet")
_FEWEST_REVISIONS = 2
# Kubernetes takes the greatest 32-bit number for "never".
_NO_DEADLINE = 2**31 - 1


def _check_probes(item: KubernetesObject, _: Terms) -> Iterator[Objection]:
    pod = pod_of(item)
    if pod is None or not _runs_long(item, pod):
        return
    for container in pod.containers("containers"):
        for name in _PROBES:
            probe = section(container.body, name)
            if not any(known(probe.get(handler)) is not None for handler in _HANDLERS):
                yield Objection(f"{container}: {name} is missing", None, container.path)


def _runs_long(item: KubernetesObject, pod: Pod) -> bool:
    if item.kind == "Pod":
        return known(pod.spec.get("restartPolicy")) not in ("OnFailure", "Never")
    return item.kind in _LONG_RUNNING


def _check_rollout(item: KubernetesObject, _: Terms) -> Iterator[Objection]:
    if item.kind != "Deployment":
        return
    strategy = section(item.spec, "strategy")
    kind = known(strategy.get("type"))
    # Absent, it is Kubernetes' default.
    if kind not in (None, "RollingUpdate"):
        yield _at("strategy.type", kind, "not RollingUpdate")
    else:
        unavailable = section(strategy, "rollingUpdate").get("maxUnavailable")
        if whole(unavailable) != 0 and unavailable != "0%":
            yield _at("strategy.rollingUpdate.maxUnavailable", unavailable, "not 0")
    revisions = item.spec.get("revisionHistoryLimit")
    if known(revisions) is not None and (whole(revisions) or 0) < _FEWEST_REVISIONS:
        yield _at("revisionHistoryLimit", revisions, f"less than {_FEWEST_REVISIONS}")
    deadline = item.spec.get("progressDeadlineSeconds")
    if not 0 < (whole(deadline) or 0) < _NO_DEADLINE:
        yield _at("progressDeadlineSeconds", deadline, "not a time in seconds")


def _at(field: str, value: Any, problem: str) -> Objection:
    return Objection(
        f"spec.{field} is {shown(value)}, {problem}",
        found(value),
        ("spec", *field.split(".")),
    )


def _check_spread(item: KubernetesObject, _: Terms) -> Iterator[Objection]:
    pod = pod_of(item)
    if item.kind not in _REPLICATED or pod is None:
        return
    away = section(section(pod.spec, "affinity"), "podAntiAffinity")
    terms = [
        *sections(pod.spec, "topologySpreadConstraints"),
        *sections(away, "requiredDuringSchedulingIgnoredDuringExecution"),
        *(
            section(weighted, "podAffinityTerm")
            for weighted in sections(away, "preferredDuringSchedulingIgnoredDuringExecution")
        ),
    ]
    # A selector that is absent chooses no pod, so nothing would be spread.
    if not any(
        known(term.get("labelSelector")) is not None
        and selects(section(term, "labelSelector"), pod.labels)
        for term in terms
    ):
        yield Objection(
            "neither topologySpreadConstraints nor podAntiAffinity keeps the pods of"
            f" {item.title} apart",
            None,
            (*pod.path, "spec"),
        )


def _check_replicas(stack: Stack, terms: Terms) -> Iterator[Objection]:
    for item in stack:
        if item.kind in _REPLICATED and (floor := _floor(item, stack)) < terms.limit:
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
        if item.kind not in _REPLICATED:
            continue
        name = f"{item.title}"
        chosen = [budget for budget in budgets if covers(budget, item, pod)]
        if len(chosen) != 1:
            message = f"{name} has {len(chosen)} PodDisruptionBudgets, not one"
            yield Objection(message, str(len(chosen)), (), str(item))
        for budget in chosen:
            if known(budget.spec.get("unhealthyPodEvictionPolicy")) is None:
                message = f"PodDisruptionBudget {shown(budget.name)} has no"
                yield Objection(
                    f"{message} unhealthyPodEvictionPolicy", None, ("spec",), str(budget)
                )
            if not _lets_go(budget, _floor(item, stack)):
                asked = " and ".join(
                    f"{field} {shown(budget.spec[field])}"
                    for field in ("minAvailable", "maxUnavailable")
                    if budget.spec.get(field) is not None
                )
                message = f"PodDisruptionBudget {shown(budget.name)} with {asked or 'no number'}"
                yield Objection(
                    f"{message} lets no pod of {name} go", asked, ("spec",), str(budget)
                )


def covers(budget: KubernetesObject, item: KubernetesObject, pod: Pod) -> bool:
    """Whether a PodDisruptionBudget selects the pods of a workload."""
    return (
        budget.namespace == item.namespace
        # An absent selector chooses no pod, an empty one all.
        and known(budget.spec.get("selector")) is not None
        and selects(section(budget.spec, "selector"), pod.labels)
    )


def _lets_go(budget: KubernetesObject, replicas: int) -> bool:
    """Whether one of so many pods may be evicted; Kubernetes rounds both percentages up."""
    most = known(budget.spec.get("maxUnavailable"))
    if most is not None:
        return _share(text(budget.spec, "maxUnavailable"), replicas, whole(most)) >= 1
    fewest = known(budget.spec.get("minAvailable"))
    if fewest is None:
        return False
    needed = _share(text(budget.spec, "minAvailable"), replicas, whole(fewest))
    return 0 <= needed < replicas


def _share(percentage: str, replicas: int, number: int | None) -> int:
    """A number or a percentage of the replicas; -1 for what is neither."""
    if number is not None:
        return number
    digits = percentage.removesuffix("%")
    if digits == percentage or not (digits.isascii() and digits.isdigit()) or len(digits) > 3:
        return -1
    return math.ceil(int(digits) * replicas / 100)


OBJECT_RULES: tuple[Rule[KubernetesObject], ...] = (
    Rule(
        id="rel-probes",
        title="Every container that runs on has all three probes",
        check=_check_probes,
        reason="Without them traffic reaches a pod that has no model yet, or one that hangs",
        remediation="Give the container a startupProbe, a readinessProbe and a livenessProbe",
        frameworks=("Polaris readinessProbeMissing", "Polaris livenessProbeMissing"),
    ),
    Rule(
        id="rel-rollout",
        title="An update takes no pod away before its successor serves",
        check=_check_rollout,
        reason="A rollout must lose no request, end in time, and leave something to return to",
        remediation=(
            "Set strategy RollingUpdate with maxUnavailable 0, revisionHistoryLimit of at least 2"
            " and progressDeadlineSeconds"
        ),
        frameworks=("kube-linter no-rolling-update-strategy",),
    ),
    Rule(
        id="rel-spread",
        title="Pods of a workload keep apart",
        check=_check_spread,
        reason="The loss of one node or zone must not take every replica",
        remediation="Add topologySpreadConstraints that select the workload's own pods",
        frameworks=("Polaris topologySpreadConstraint", "kube-linter no-anti-affinity"),
    ),
)
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
