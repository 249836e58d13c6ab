"""Rules on how pods start, are replaced and keep apart: probes, rollout, spread."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from mlifecycle.governance.objects.awaiting import (
    ENGINES_WAIT_SECONDS,
    LONGEST_WAIT_SECONDS,
    TIMEOUT,
    wait_seconds,
)
from mlifecycle.governance.objects.kubernetes import (
    Container,
    KubernetesObject,
    is_replicated,
    keeps_running,
    pod_of,
    selects,
)
from mlifecycle.governance.objects.values import (
    all_known,
    found,
    known,
    section,
    sections,
    shown,
    text,
    whole,
)
from mlifecycle.governance.rule import Objection, Rule, Terms

_PROBES = ("startupProbe", "readinessProbe", "livenessProbe")
_HANDLERS = ("httpGet", "tcpSocket", "exec", "grpc")
# Kubernetes' defaults of a probe, in seconds.
_TIMEOUT, _PERIOD = 1, 10
_FEWEST_REVISIONS = 2
_UNAVAILABLE_PERCENT = 25
_PERCENT = re.compile(r"([0-9]{1,3})%", re.ASCII)


def _check_probes(item: KubernetesObject, _: Terms) -> Iterator[Objection]:
    pod = pod_of(item)
    if pod is None or not keeps_running(item, pod):
        return
    for container in pod.containers("containers", "initContainers"):
        # Beside the pod's own containers, those that are started first and run beside them.
        if container.field == "initContainers" and (
            known(container.body.get("restartPolicy")) != "Always"
        ):
            continue
        for name in _PROBES:
            yield from _check_probe(container, name)
        ready, alive = (_question(container, name) for name in _PROBES[1:])
        if ready is not None and ready == alive:
            message = f"{container}: livenessProbe asks just what readinessProbe asks"
            yield Objection(message, None, (*container.path, "livenessProbe"))


def _check_probe(container: Container, name: str) -> Iterator[Objection]:
    probe = section(container.body, name)
    handler = _handler(probe)
    if handler is None:
        yield Objection(f"{container}: {name} is missing", None, container.path)
        return
    path = (*container.path, name)
    kind, question = handler
    port = known(question.get("port"))
    if kind != "exec" and not any(
        port is not None
        and port in (known(open_port.get("name")), whole(open_port.get("containerPort")))
        for open_port in sections(container.body, "ports")
    ):
        message = f"{container}: {name} asks port {shown(port)}, which is no port of the container"
        yield Objection(message, found(port), (*path, kind, "port"))
    timeout, period = probe.get("timeoutSeconds"), probe.get("periodSeconds")
    if (whole(timeout) or _TIMEOUT) >= (whole(period) or _PERIOD):
        message = f"{container}: {name} waits {shown(timeout)} s, not less than its period"
        yield Objection(message, found(timeout), (*path, "timeoutSeconds"))


def _question(container: Container, name: str) -> tuple[str, Mapping[str, Any]] | None:
    """What a probe asks, in one spelling, so that two that ask the same are equal."""
    handler = _handler(section(container.body, name))
    if handler is None:
        return None
    kind, asked = handler
    port = known(asked.get("port"))
    numbers = {
        text(open_port, "name"): whole(open_port.get("containerPort"))
        for open_port in sections(container.body, "ports")
    }
    spelt = {"port": numbers.get(port, port) if isinstance(port, str) else whole(port)}
    if kind == "httpGet":
        spelt |= {"path": text(asked, "path") or "/", "scheme": text(asked, "scheme") or "HTTP"}
        return kind, all_known({**asked, **spelt})
    return kind, all_known(asked if kind == "exec" else {**asked, **spelt})


def _handler(probe: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]] | None:
    """What a probe asks, by which means; None where it asks nothing."""
    return next(
        ((kind, asked) for kind in _HANDLERS if (asked := section(probe, kind))),
        None,
    )


def _check_rollout(item: KubernetesObject, _: Terms) -> Iterator[Objection]:
    if item.kind in ("StatefulSet", "DaemonSet"):
        kind = known(section(item.spec, "updateStrategy").get("type"))
        if kind not in (None, "RollingUpdate"):
            yield _at("updateStrategy.type", kind, "not RollingUpdate")
        rolling = section(section(item.spec, "updateStrategy"), "rollingUpdate")
        if whole(rolling.get("partition")):
            field = "updateStrategy.rollingUpdate.partition"
            yield _at(field, rolling["partition"], "so some pods are never updated")
    if item.kind == "Deployment":
        yield from _check_deployment(item)


def _check_deployment(item: KubernetesObject) -> Iterator[Objection]:
    strategy = section(item.spec, "strategy")
    kind = known(strategy.get("type"))
    # Absent, it is Kubernetes' default.
    if kind not in (None, "RollingUpdate"):
        yield _at("strategy.type", kind, "not RollingUpdate")
    else:
        unavailable = section(strategy, "rollingUpdate").get("maxUnavailable")
        if not _is_few(unavailable):
            problem = f"not 0 or less than {_UNAVAILABLE_PERCENT}%"
            yield _at("strategy.rollingUpdate.maxUnavailable", unavailable, problem)
    ready = item.spec.get("minReadySeconds")
    if (whole(ready) or 0) < 1:
        yield _at("minReadySeconds", ready, "so a pod counts the moment it first answers")
    revisions = item.spec.get("revisionHistoryLimit")
    if known(revisions) is not None and (whole(revisions) or 0) < _FEWEST_REVISIONS:
        yield _at("revisionHistoryLimit", revisions, f"less than {_FEWEST_REVISIONS}")
    deadline = item.spec.get("progressDeadlineSeconds")
    if not 0 < (whole(deadline) or 0) <= LONGEST_WAIT_SECONDS:
        yield _at("progressDeadlineSeconds", deadline, f"not 1 to {LONGEST_WAIT_SECONDS} seconds")
    wait = wait_seconds(item) or ENGINES_WAIT_SECONDS
    if (whole(deadline) or 0) >= wait:
        problem = f"not less than the engine waits ({TIMEOUT} {wait})"
        yield _at("progressDeadlineSeconds", deadline, problem)
    if known(item.spec.get("paused")) not in (None, False):
        yield _at("paused", item.spec["paused"], "so no pod is ever updated")


def _is_few(unavailable: Any) -> bool:
    """Whether hardly any pod is taken away; Kubernetes rounds a percentage down."""
    percent = _PERCENT.fullmatch(str(known(unavailable)))
    return whole(unavailable) == 0 or bool(percent and int(percent[1]) < _UNAVAILABLE_PERCENT)


def _at(field: str, value: Any, problem: str) -> Objection:
    return Objection(
        f"spec.{field} is {shown(value)}, {problem}",
        found(value),
        ("spec", *field.split(".")),
    )


def _check_spread(item: KubernetesObject, _: Terms) -> Iterator[Objection]:
    pod = pod_of(item)
    if pod is None or not is_replicated(item):
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
        text(term, "topologyKey")
        and known(term.get("labelSelector")) is not None
        and selects(section(term, "labelSelector"), pod.labels)
        for term in terms
    ):
        yield Objection(
            "neither topologySpreadConstraints nor podAntiAffinity keeps the pods of"
            f" {item.title} apart",
            None,
            (*pod.path, "spec"),
        )


OBJECT_RULES: tuple[Rule[KubernetesObject], ...] = (
    Rule(
        id="rel-probes",
        title="Every container that runs on has all three probes, each of use",
        check=_check_probes,
        reason="Without them traffic reaches a pod that has no model yet, or one that hangs",
        remediation=(
            "Give the container a startupProbe, a readinessProbe and another livenessProbe,"
            " each on a port of its own and with a time-out within its period"
        ),
        frameworks=(
            "Polaris readinessProbeMissing",
            "Polaris livenessProbeMissing",
            "kube-linter readiness-port",
            "Kyverno ensure-probes-different",
        ),
    ),
    Rule(
        id="rel-rollout",
        title="An update takes no pod away before its successor serves",
        check=_check_rollout,
        reason="A rollout must lose no request, end in time, and leave something to return to",
        remediation=(
            "Set strategy RollingUpdate with maxUnavailable 0, not paused, minReadySeconds,"
            " revisionHistoryLimit of at least 2 and progressDeadlineSeconds"
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
