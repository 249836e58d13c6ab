"""The rules about what containers ask for and may use."""

from typing import Any

import pytest

from mlifecycle.governance.rule import Path
from tests.policy.objects import ABSENT, BOX, POD, changed, judged, messages

AMOUNTS: tuple[tuple[Any, bool], ...] = (
    ("1", True),
    ("500m", True),
    ("0.5", True),
    (".5", True),
    ("+1Gi", True),
    ("1e3", True),
    ("1E-2", True),
    ("2Ei", True),
    ("9" * 400, True),
    (1, True),
    (0.5, True),
    ("0", False),
    ("0Gi", False),
    ("0.0m", False),
    ("-1Gi", False),
    ("1gb", False),
    ("1 Gi", False),
    ("Gi", False),
    ("1\n", False),
    ("", False),
    (0, False),
    (-1, False),
    (True, False),
    (float("nan"), False),
    (float("inf"), False),
    ([], False),
    ({}, False),
    (None, False),
    (ABSENT, False),
)


@pytest.mark.parametrize(
    ("key", "kind", "resource"),
    [
        ("res-requests", "requests", "cpu"),
        ("res-requests", "requests", "memory"),
        ("res-memory-limit", "limits", "memory"),
        ("res-cpu-limit", "limits", "cpu"),
        ("res-ephemeral", "limits", "ephemeral-storage"),
    ],
)
@pytest.mark.parametrize(("amount", "passes"), AMOUNTS)
def test_an_amount_is_a_quantity_above_0(
    key: str, kind: str, resource: str, amount: Any, passes: bool
) -> None:
    resources: Path = (*BOX, "resources")
    changes = [((*resources, kind, resource), amount)]
    if key == "res-memory-limit":
        # What it asks for, too: the two must be one.
        changes.append(((*resources, "requests", "memory"), amount))
    found = judged(key, changed("Deployment", *changes))
    is_part_of_a_byte = key == "res-memory-limit" and str(amount) in ("500m", "0.5", ".5", "1E-2")
    assert (found == []) == (passes and not is_part_of_a_byte)
    for objection in found:
        assert objection.message.startswith(f"container inference: resources.{kind}.{resource} is ")
        assert objection.path == (*BOX, "resources")


@pytest.mark.parametrize(
    ("asked", "most", "passes"),
    [
        ("1Gi", "1024Mi", True),
        ("1Gi", 2**30, True),
        ("1Gi", float(2**30), True),
        ("1000m", "1", True),
        ("1e3", "1k", True),
        ("1M", "1Mi", False),
        ("1Gi", "1025Mi", False),
        ("2Gi", "1Gi", False),
        # The requests' own rule speaks of it.
        (None, "1Gi", True),
    ],
)
def test_memory_asked_for_is_the_limit(asked: Any, most: Any, passes: bool) -> None:
    resources: Path = (*BOX, "resources")
    stack = changed(
        "Deployment",
        ((*resources, "requests", "memory"), asked),
        ((*resources, "limits", "memory"), most),
    )
    assert messages("res-memory-limit", stack) == (
        []
        if passes
        else [
            f"container inference: resources.limits.memory is {most},"
            f" but resources.requests.memory is {asked}"
        ]
    )


@pytest.mark.parametrize("resources", [ABSENT, None, {}, {"limits": None, "requests": None}])
def test_a_container_without_resources_violates_each(resources: Any) -> None:
    stack = changed("Deployment", ((*BOX, "resources"), resources))
    assert messages("res-requests", stack) == [
        "container inference: resources.requests.cpu is not set, not an amount above 0",
        "container inference: resources.requests.memory is not set, not an amount above 0",
    ]
    assert len(messages("res-memory-limit", stack)) == 1
    assert len(messages("res-cpu-limit", stack)) == 1
    assert len(messages("res-ephemeral", stack)) == 1


@pytest.mark.parametrize(
    ("volume", "passes"),
    [
        ({"emptyDir": {"sizeLimit": "1Gi"}}, True),
        ({"emptyDir": {"sizeLimit": "1Gi", "medium": "Memory"}}, True),
        ({"configMap": {"name": "fraud"}}, True),
        ({"emptyDir": None, "secret": {"secretName": "fraud"}}, True),
        ({"emptyDir": {}}, False),
        ({"emptyDir": None}, False),
        ({"emptyDir": {"sizeLimit": "0"}}, False),
        ({"emptyDir": {"sizeLimit": None}}, False),
        ({}, False),
    ],
)
def test_every_empty_dir_is_bounded(volume: dict[str, Any], passes: bool) -> None:
    stack = changed("Deployment", ((*POD, "volumes", 2), {"name": "cache", **volume}))
    found = messages("res-ephemeral", stack)
    assert (found == []) == passes
    for message in found:
        assert message.startswith("volume cache: emptyDir.sizeLimit is ")
