"""A finding on an object that the stack has made already stands; on a changed one it refuses."""

from collections.abc import Mapping
from copy import deepcopy
from datetime import date
from typing import Any

from mlifecycle.governance.context import Context
from mlifecycle.governance.findings import Finding, Level
from mlifecycle.governance.governance import load_governance
from mlifecycle.governance.objects.evaluation import evaluate_object, evaluate_stack
from mlifecycle.governance.objects.kubernetes import KubernetesObject
from mlifecycle.governance.objects.standing import standing_of_object, standing_of_stack
from mlifecycle.governance.objects.values import UNKNOWN
from tests.policy.objects import BOX, changed, objects, place

Body = dict[str, Any]
LATEST = (*BOX, "image"), "ghcr.io/fraud/inference-service:latest"
NOBODY = ("spec", "selector"), {"app": "nobody"}


def context(made: list[Body]) -> Context:
    # As JSON gives it: a copy.
    return Context(date=date(2026, 11, 24), objects=tuple(deepcopy(made)))


def of_deployment(now: list[Body], made: list[Body]) -> list[Finding]:
    item = KubernetesObject("x", now[place(now, "Deployment")])
    found = evaluate_object(item, "production", load_governance(), context(made))
    return standing_of_object(found, item, context(made))


def of_stack(now: list[Body], made: list[Body]) -> list[Finding]:
    asked = (objects(now), "production", load_governance(), context(made))
    return standing_of_stack(evaluate_stack(*asked), *asked)


def levels(found: list[Finding], rule: str) -> set[Level]:
    return {finding.level for finding in found if finding.rule == rule}


def test_a_finding_on_an_object_as_it_was_made_stands() -> None:
    stack = changed("Deployment", LATEST)
    found = of_deployment(stack, stack)
    assert levels(found, "img-no-latest") == {Level.ADVISORY}
    assert all("(standing: what runs is unchanged)" in finding.message for finding in found)


def test_any_change_of_the_object_makes_it_refuse_again() -> None:
    made = changed("Deployment", LATEST)
    now = changed("Deployment", LATEST, (("spec", "replicas"), 7))
    assert levels(of_deployment(now, made), "img-no-latest") == {Level.MANDATORY}
    assert levels(of_deployment(now, []), "img-no-latest") == {Level.MANDATORY}


def test_a_number_that_the_engine_gives_as_a_float_is_no_change() -> None:
    made = changed("Deployment", LATEST, (("spec", "replicas"), 3))
    now = changed("Deployment", LATEST, (("spec", "replicas"), 3.0))
    assert levels(of_deployment(now, made), "img-no-latest") == {Level.ADVISORY}


def test_an_object_that_is_not_wholly_known_is_not_unchanged() -> None:
    made = changed("Deployment", LATEST)
    now = changed("Deployment", LATEST, (("metadata", "annotations"), {"a": UNKNOWN}))
    assert levels(of_deployment(now, made), "img-no-latest") == {Level.MANDATORY}


def test_a_finding_on_objects_together_stands_with_them() -> None:
    stack = changed("Service", NOBODY)
    found = of_stack(stack, stack)
    assert levels(found, "ref-integrity") == {Level.ADVISORY}
    assert levels(of_stack(stack, []), "ref-integrity") == {Level.MANDATORY}


def test_it_refuses_the_objects_next_change() -> None:
    made = changed("Service", NOBODY)
    now = changed("Service", NOBODY, (("metadata", "annotations"), {"a": "b"}))
    assert levels(of_stack(now, made), "ref-integrity") == {Level.MANDATORY}


def test_an_unchanged_object_that_loses_what_it_needs_is_refused() -> None:
    made = changed("Deployment", (("spec", "replicas"), 3))
    budget: Mapping[str, Any] = made[place(made, "PodDisruptionBudget")]
    now = [body for body in made if body is not budget]
    assert levels(of_stack(now, made), "rel-pdb") == {Level.MANDATORY}
    assert levels(of_stack(now, now), "rel-pdb") == {Level.ADVISORY}
