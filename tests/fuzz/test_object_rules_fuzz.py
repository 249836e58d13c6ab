"""No rule on Kubernetes objects fails, whatever an object holds."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlifecycle.governance.objects.kubernetes import KubernetesObject
from mlifecycle.governance.objects.values import UNKNOWN
from mlifecycle.governance.rule import NotDecided, Path
from tests.policy.objects import (
    RULES,
    STACK_KEYS,
    TERMS,
    objects,
    put,
    sound_stack,
)


def junk() -> list[Any]:
    """Values that belong nowhere, none shared with another call."""
    numbers = [True, False, 0, -1, 2.5, float("nan"), float("inf"), 10**400]
    lists = [[], [None], [[]], ["x"], [{}], [{"name": 5}], [UNKNOWN]]
    fields = [{}, {"x": None}, {"": []}, {"x": UNKNOWN}]
    return [None, UNKNOWN, "", "x", "\x1b[31m\n", *numbers, *lists, *fields]


def paths_of(body: Any, path: Path = ()) -> Iterator[Path]:
    if path:
        yield path
    if isinstance(body, dict | list):
        for step, value in body.items() if isinstance(body, dict) else enumerate(body):
            yield from paths_of(value, (*path, step))


def survives(stack: list[dict[str, Any]], items: list[KubernetesObject]) -> None:
    """No rule raises anything but NotDecided, and each message is one line."""
    for key, rule in RULES.items():
        for subject in [objects(stack)] if key in STACK_KEYS else items:
            with suppress(NotDecided):
                for objection in rule.check(subject, TERMS):
                    assert objection.message.isprintable()
                    assert not objection.message.endswith(".")


EACH_OBJECT = pytest.mark.parametrize(
    "at", range(len(sound_stack())), ids=[body["kind"] for body in sound_stack()]
)


@EACH_OBJECT
def test_no_rule_fails_whatever_stands_anywhere(at: int) -> None:
    for path in paths_of(sound_stack()[at]):
        for value in junk():
            stack = sound_stack()
            put(stack[at], path, value)
            survives(stack, [KubernetesObject("x", stack[at], secret=None)])


KEYS = sorted(
    {
        step
        for body in sound_stack()
        for path in paths_of(body)
        for step in path
        if isinstance(step, str)
    }
    | {"initContainers", "ephemeralContainers", "matchExpressions", "affinity", "ipBlock", "except"}
)


# Fresh ones each time: a test may change what it is given.
LEAVES = st.integers(0, len(junk()) - 1).map(lambda index: junk()[index]) | st.text(max_size=5)
# JSON values in whose objects Kubernetes' own field names stand.
ANYTHING = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6)
    ),
    max_leaves=12,
)


@EACH_OBJECT
@settings(max_examples=100, deadline=None, derandomize=True)
@given(data=st.data())
def test_no_rule_fails_on_anything_at_all(at: int, data: st.DataObject) -> None:
    stack = sound_stack()
    places = list(paths_of(stack[at]))
    for path in data.draw(st.lists(st.sampled_from(places), min_size=1, max_size=3)):
        # An earlier change may have taken the place away.
        with suppress(KeyError, IndexError, TypeError, AttributeError, NotDecided):
            put(stack[at], path, data.draw(ANYTHING))
    survives(stack, [KubernetesObject("x", stack[at])])


@EACH_OBJECT
@settings(max_examples=100, deadline=None, derandomize=True)
@given(fields=st.dictionaries(st.sampled_from(KEYS), ANYTHING, max_size=8))
def test_no_rule_fails_on_an_object_of_nothing_else(at: int, fields: dict[str, Any]) -> None:
    stack = sound_stack()
    kind = {field: stack[at][field] for field in ("apiVersion", "kind")}
    stack[at] = {**fields, **kind}
    survives(stack, [KubernetesObject("x", stack[at])])
