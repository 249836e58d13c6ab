"""A finding on an object of a verified release stands while the release is as it was."""

import json
from collections.abc import Mapping
from copy import deepcopy
from datetime import date
from typing import Any

import pytest

from mlifecycle.governance.context import Context, MadeObject
from mlifecycle.governance.evaluation import standing_finding
from mlifecycle.governance.findings import Finding, Level
from mlifecycle.governance.governance import load_governance
from mlifecycle.governance.objects.evaluation import evaluate_object
from mlifecycle.governance.objects.kubernetes import KubernetesObject
from mlifecycle.governance.objects.standing import judge_stack, standing_of_object
from mlifecycle.governance.objects.values import UNKNOWN
from tests.policy.objects import BOX, changed, objects, place, sound_stack

Body = dict[str, Any]
LATEST = (*BOX, "image"), "ghcr.io/fraud/inference-service:latest"
NOBODY = ("spec", "selector"), {"app": "nobody"}


def context(made: list[Body], released_to: str | None = "production") -> Context:
    objects = tuple(MadeObject(body=deepcopy(body), released_to=released_to) for body in made)
    return Context(date=date(2026, 11, 24), objects=objects)


def of_object(
    now: list[Body],
    made: list[Body],
    released_to: str | None = "production",
    kind: str = "Deployment",
) -> list[Finding]:
    item = KubernetesObject("x", now[place(now, kind)], secret=False)
    known = context(made, released_to)
    found = evaluate_object(item, "production", load_governance(), known)
    return standing_of_object(found, item, "production", known)


def of_stack(
    now: list[Body], made: list[Body], released_to: str | None = "production"
) -> list[Finding]:
    return judge_stack(objects(now), "production", load_governance(), context(made, released_to))


def other_model(body: Body, name: str = "other") -> Body:
    """The same object of another model."""
    text = json.dumps(body).replace("fraud", name)
    return dict(json.loads(text))


def levels(found: list[Finding], rule: str) -> set[Level]:
    return {finding.level for finding in found if finding.rule == rule}


def test_a_finding_on_an_object_as_it_was_made_stands() -> None:
    stack = changed("Deployment", LATEST)
    found = of_object(stack, stack)
    assert levels(found, "img-no-latest") == {Level.ADVISORY}
    assert all("(standing: what runs is unchanged)" in finding.message for finding in found)


def test_any_change_of_the_object_makes_it_refuse_again() -> None:
    made = changed("Deployment", LATEST)
    now = changed("Deployment", LATEST, (("spec", "replicas"), 7))
    assert levels(of_object(now, made), "img-no-latest") == {Level.MANDATORY}
    assert levels(of_object(now, []), "img-no-latest") == {Level.MANDATORY}


def test_a_number_that_the_engine_gives_as_a_float_is_no_change() -> None:
    made = changed("Deployment", LATEST, (("spec", "replicas"), 3))
    now = changed("Deployment", LATEST, (("spec", "replicas"), 3.0))
    assert levels(of_object(now, made), "img-no-latest") == {Level.ADVISORY}


def test_an_object_that_is_not_wholly_known_is_not_unchanged() -> None:
    made = changed("Deployment", LATEST, (("metadata", "annotations"), {"a": "b"}))
    now = changed("Deployment", LATEST, (("metadata", "annotations"), {"a": UNKNOWN}))
    assert levels(of_object(now, made), "img-no-latest") == {Level.MANDATORY}
    made, now = changed("Service", NOBODY), changed("Service", NOBODY)
    for stack, value in ((made, "b"), (now, UNKNOWN)):
        stack[place(stack, "HorizontalPodAutoscaler")]["metadata"]["annotations"] = {"a": value}
    assert levels(of_stack(now, made), "ref-integrity") == {Level.MANDATORY}


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


@pytest.mark.parametrize("released_to", ["development", None])
def test_what_another_environment_has_let_pass_or_nothing_has_verified_is_new(
    released_to: str | None,
) -> None:
    stack = changed("Deployment", LATEST)
    assert levels(of_object(stack, stack, released_to), "img-no-latest") == {Level.MANDATORY}
    stack = changed("Service", NOBODY)
    assert levels(of_stack(stack, stack, released_to), "ref-integrity") == {Level.MANDATORY}


def test_a_secret_in_plain_text_never_stands() -> None:
    stack = changed("Secret")
    found = of_object(stack, stack, kind="Secret")
    assert levels(found, "sec-pulumi-secret") == {Level.MANDATORY}


def test_an_object_without_a_name_is_another_each_time() -> None:
    body = changed("Deployment", LATEST)[place(sound_stack(), "Deployment")]
    body["metadata"]["generateName"] = body["metadata"].pop("name")
    item, known = KubernetesObject("x", body), context([body])
    found = evaluate_object(item, "production", load_governance(), known)
    found = standing_of_object(found, item, "production", known)
    assert levels(found, "img-no-latest") == {Level.MANDATORY}


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("HorizontalPodAutoscaler", (("spec", "maxReplicas"), 99)),
        ("NetworkPolicy", (("metadata", "annotations"), {"a": "b"})),
        ("Namespace", (("metadata", "annotations"), {"a": "b"})),
    ],
)
def test_a_change_of_anything_that_has_to_do_with_it_refuses(
    kind: str, change: tuple[Any, ...]
) -> None:
    made = changed("Service", NOBODY)
    now = deepcopy(made)
    for body in changed(kind, change):
        if body["kind"] == kind:
            now[place(now, kind)] = body
            break
    assert levels(of_stack(now, made), "ref-integrity") == {Level.MANDATORY}


def test_another_models_change_and_another_release_of_data_do_not() -> None:
    made = changed("Service", NOBODY)
    deployment = made[place(made, "Deployment")]
    now = [*deepcopy(made), other_model(deployment)]
    now[place(now, "Secret")]["stringData"] = {"key": "another"}
    now[place(now, "ConfigMap")]["data"] = {"LOG_LEVEL": "debug"}
    elsewhere = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}}
    elsewhere["metadata"]["namespace"] = "another"
    now.append(elsewhere)
    found = [item for item in of_stack(now, made) if item.subject.startswith("Service")]
    assert levels(found, "ref-integrity") == {Level.ADVISORY}


def test_a_new_workload_in_a_namespace_that_lacks_a_default_deny_is_refused() -> None:
    made = [body for body in sound_stack() if "deny" not in json.dumps(body)]
    now = [*deepcopy(made), other_model(made[place(made, "Deployment")])]
    found = {
        item.subject: item.level for item in of_stack(now, made) if item.rule == "net-default-deny"
    }
    assert found == {
        "Deployment models/fraud": Level.ADVISORY,
        "Deployment models/other": Level.MANDATORY,
    }


def test_two_objects_of_one_name_do_not_stand_for_each_other() -> None:
    made = changed("Service", NOBODY)
    service = deepcopy(made[place(made, "Service")])
    service["metadata"]["annotations"] = {"a": "b"}
    assert levels(of_stack([*made, service], made), "ref-integrity") == {Level.MANDATORY}


def test_what_the_namespace_has_for_all_may_not_be_taken_away() -> None:
    made = sound_stack()
    for body in made:
        if body["kind"] == "NetworkPolicy" and "deny" in json.dumps(body):
            body["metadata"]["labels"] = {"app.kubernetes.io/name": "default-deny"}
    now = [body for body in made if "deny" not in json.dumps(body)]
    assert len(now) < len(made)
    assert levels(of_stack(now, made), "net-default-deny") == {Level.MANDATORY}


def test_what_is_gone_refuses_too() -> None:
    made = changed("Service", NOBODY)
    now = [body for body in made if body["kind"] != "ServiceAccount"]
    service = [item for item in of_stack(now, made) if item.subject.startswith("Service ")]
    assert levels(service, "ref-integrity") == {Level.MANDATORY}


def test_the_same_rule_about_another_thing_is_new() -> None:
    part_of = {"matchLabels": {"app.kubernetes.io/part-of": "mlifecycle"}}
    made = changed("Deployment", (("spec", "selector"), part_of))
    deployment = made[place(made, "Deployment")]
    made.append(other_model(deployment))
    now = [*deepcopy(made), other_model(deployment, "third")]
    found = {
        item.message: item.level
        for item in of_stack(now, made)
        if item.rule == "ref-integrity" and item.subject == "Deployment models/fraud"
    }
    selector = "the selector of Deployment fraud matches the pods of Deployment"
    assert {text.partition(" (")[0]: level for text, level in found.items()} == {
        f"{selector} other as well": Level.ADVISORY,
        f"{selector} third as well": Level.MANDATORY,
    }


def test_advice_is_no_finding_that_stands() -> None:
    stack = changed("Deployment", LATEST, ((*BOX, "livenessProbe"), None))
    item, known = KubernetesObject("x", stack[place(stack, "Deployment")]), context(stack)
    advice = evaluate_object(item, "development", load_governance(), known)
    refusal = evaluate_object(item, "production", load_governance(), known)
    found = standing_of_object([*advice, *refusal], item, "production", known)
    assert found[: len(advice)] == [
        advised if not advised.refuses else standing_finding(advised) for advised in advice
    ]


def test_advice_on_objects_together_is_none_either() -> None:
    stack = [body for body in changed("Service", NOBODY) if body["kind"] != "PodDisruptionBudget"]
    known = context(stack, "development")
    found = judge_stack(objects(stack), "development", load_governance(), known)
    said = {item.rule: "standing" in item.message for item in found}
    assert said["ref-integrity"]
    assert not said["rel-pdb"]
