"""Pods that every rule of Pod Security accepts, and what the rules say of changed ones."""

from collections.abc import Iterator
from datetime import date
from itertools import pairwise
from typing import Any

from mlifecycle.governance.approved import Approved
from mlifecycle.governance.context import Context
from mlifecycle.governance.objects.kubernetes import POD_PATHS, KubernetesObject
from mlifecycle.governance.objects.pod_security_baseline import POD_SECURITY_BASELINE
from mlifecycle.governance.objects.pod_security_restricted import POD_SECURITY_RESTRICTED
from mlifecycle.governance.rule import NotDecided, Objection, Path, Terms

RULES = {rule.id: rule for rule in (*POD_SECURITY_BASELINE, *POD_SECURITY_RESTRICTED)}
TERMS = Terms(None, "production", Approved.model_construct(), Context(date=date(2026, 1, 1)))


def good_container(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "ports": [{"containerPort": 8080}],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        },
    }


def good_pod() -> dict[str, Any]:
    return {
        "metadata": {"annotations": {"other": "x"}},
        "spec": {
            "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [good_container("app")],
            "volumes": [{"name": "cache", "emptyDir": {}}],
        },
    }


def findings(pod: dict[str, Any], kind: str | None = "Pod") -> dict[str, list[Objection]]:
    """What each rule that finds something finds."""
    body = pod
    for step in reversed(POD_PATHS.get(kind or "", ())):
        body = {step: body}
    item = KubernetesObject("tested", {"kind": kind, **body})
    found = {name: list(rule.check(item, TERMS)) for name, rule in RULES.items()}
    return {name: objections for name, objections in found.items() if objections}


def undecided_rules(pod: dict[str, Any]) -> set[str]:
    item = KubernetesObject("tested", {"kind": "Pod", **pod})
    undecided = set()
    for name, rule in RULES.items():
        try:
            list(rule.check(item, TERMS))
        except NotDecided:
            undecided.add(name)
    return undecided


def put(body: Any, place: Path, value: Any) -> None:
    """Set a value; what leads there is made where it is missing."""
    for step, following in pairwise(place):
        body = entry(body, step, [] if isinstance(following, int) else {})
    entry(body, place[-1], value)
    body[place[-1]] = value


def entry(body: Any, step: str | int, default: Any) -> Any:
    if isinstance(body, dict):
        return body.setdefault(step, default)
    if step == len(body):
        body.append(default)
    return body[step]


def places(body: Any, path: Path = ()) -> Iterator[Path]:
    """Every place in a document."""
    steps = body.items() if isinstance(body, dict) else enumerate(body)
    for step, value in steps:
        yield (*path, step)
        if isinstance(value, dict | list):
            yield from places(value, (*path, step))
