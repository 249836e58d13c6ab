"""Namespaces: each of the objects' rules on them, on both sides of its boundary."""

from dataclasses import replace
from typing import Any

import pytest

from tests.policy.objects import (
    ABSENT,
    TERMS,
    changed,
    judged,
    messages,
    place,
    sound_stack,
)


@pytest.mark.parametrize(
    ("namespace", "passes"),
    [
        ("models", True),
        ("kube", True),
        ("kubernetes", True),
        ("defaults", True),
        ("default", False),
        ("kube-system", False),
        ("kube-public", False),
        ("kube-node-lease", False),
        ("kube-x", False),
        ("", False),
        (None, False),
        (ABSENT, False),
    ],
)
def test_nothing_lands_in_kubernetes_own_namespaces(namespace: Any, passes: bool) -> None:
    found = judged("ten-namespace", changed("Service", (("metadata", "namespace"), namespace)))
    assert (found == []) == passes


def test_what_has_no_namespace_is_in_none() -> None:
    stack = changed("Role", (("metadata", "namespace"), None), (("kind",), "ClusterRole"))
    assert judged("ten-namespace", stack) == []
    stack = changed("Role", (("metadata", "namespace"), None), (("kind",), "Cluster"))
    assert judged("ten-namespace", stack) != []


def test_a_namespace_itself_is_not_one_of_them() -> None:
    assert messages("ten-namespace", changed("Namespace", (("metadata", "name"), "kube-x"))) == [
        "namespace kube-x of Namespace kube-x is Kubernetes' own"
    ]


@pytest.mark.parametrize("mode", ["enforce", "warn", "audit"])
@pytest.mark.parametrize(
    ("value", "shown"),
    [("baseline", "baseline"), ("Restricted", "Restricted"), (None, "not set"), ([], "[]")],
)
def test_namespaces_enforce_pod_security(mode: str, value: Any, shown: str) -> None:
    label = f"pod-security.kubernetes.io/{mode}"
    stack = changed("Namespace", (("metadata", "labels", label), value))
    assert messages("ten-psa-labels", stack) == [
        f"label {label} of Namespace models is {shown}, not restricted"
    ]


@pytest.mark.parametrize("mode", ["enforce", "warn", "audit"])
@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("v1.34", None),
        ("v1.35", None),
        ("latest", None),
        ("v1.33", "v1.33"),
        ("v1", "v1"),
        ("1.34", "1.34"),
        (None, "not set"),
    ],
)
def test_namespaces_say_whose_version_of_it(mode: str, value: Any, shown: str | None) -> None:
    label = f"pod-security.kubernetes.io/{mode}-version"
    stack = changed("Namespace", (("metadata", "labels", label), value))
    message = f"label {label} of Namespace models is {shown}, not v1.34 or newer"
    assert messages("ten-psa-labels", stack) == ([message] if shown else [])


def test_a_namespace_without_labels_lacks_all_six() -> None:
    assert len(judged("ten-psa-labels", changed("Namespace", (("metadata", "labels"), None)))) == 6


@pytest.mark.parametrize(
    ("pattern", "name", "passes"),
    [
        ("{namespace}", "models", True),
        ("{namespace}-dev", "models-dev", True),
        ("{namespace}-dev", "models", False),
        ("{namespace}-dev", "-dev", False),
        ("dev-{namespace}", "dev-models", True),
        ("dev-{namespace}", "prod-models", False),
    ],
)
@pytest.mark.parametrize(
    ("kind", "field"),
    [("Service", "namespace"), ("Namespace", "name"), ("Deployment", "namespace")],
)
def test_a_stack_keeps_to_its_own_namespaces(
    kind: str, field: str, pattern: str, name: str, passes: bool
) -> None:
    terms = replace(TERMS, context=TERMS.context.model_copy(update={"namespace": pattern}))
    body = sound_stack()[place(sound_stack(), kind)]
    body["metadata"][field] = name
    found = [objection.message for objection in judged("ten-namespace", [body], terms=terms)]
    title = f"{kind} {body['metadata']['name']}"
    message = f"namespace {name} of {title} is not this stack's: it is named {pattern}"
    assert found == ([] if passes else [message])


@pytest.mark.parametrize("kind", ["ClusterIssuer", "VolumeAttributesClass", "ServiceCIDR"])
def test_other_kinds_that_have_no_namespace_are_in_none(kind: str) -> None:
    body = {"apiVersion": "x/v1", "kind": kind, "metadata": {"name": "x"}}
    assert messages("ten-namespace", [body]) == []
