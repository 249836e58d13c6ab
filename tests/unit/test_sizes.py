"""What a pod asks for: the manifest's words before the environment's."""

from decimal import Decimal
from typing import Any

import pytest
import yaml

from components.sizes import Sizes, sizes_of
from devcluster.local_stacks import CHECKOUT
from mlifecycle.manifest.operation import Inference
from mlifecycle.quantity import is_whole, parse_quantity
from mlifecycle.stack.settings import read_settings

CONFIG = yaml.safe_load((CHECKOUT / "Pulumi.dev.yaml").read_text())["config"]
SETTINGS = read_settings(
    "dev", lambda key: CONFIG.get(f"mlifecycle:{key}"), lambda _: True
).model_copy(update={"cpu_request": "250m", "cpu_limit": "1", "memory": "512Mi"})


@pytest.mark.parametrize(
    ("resources", "sizes"),
    [
        (None, ("250m", "1", "512Mi")),
        ({}, ("250m", "1", "512Mi")),
        ({"limits": {"memory": "2Gi"}}, ("250m", "1", "2Gi")),
        ({"limits": {"memory": "2Gi", "cpu": "2"}}, ("2", "2", "2Gi")),
        ({"limits": {"cpu": "2"}, "requests": {"cpu": "1"}}, ("1", "2", "512Mi")),
        ({"requests": {"cpu": "500m"}}, ("500m", "1", "512Mi")),
        ({"requests": {"cpu": "1500m"}}, ("1500m", "1500m", "512Mi")),
    ],
)
def test_the_manifest_asks_and_the_environment_answers(
    resources: Any, sizes: tuple[str, str, str]
) -> None:
    inference = Inference.model_validate({"resources": resources} if resources is not None else {})
    assert sizes_of(inference, SETTINGS) == Sizes(*sizes)
    assert sizes_of(None, SETTINGS) == Sizes("250m", "1", "512Mi")


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("1", "1"),
        ("500m", "0.5"),
        ("1Ki", "1024"),
        ("2Gi", "2147483648"),
        ("1k", "1000"),
        ("1e3", "1000"),
        ("1E", "1000000000000000000"),
        ("5n", "0.000000005"),
        (".5", "0.5"),
        ("+1", "1"),
    ],
)
def test_quantities_are_exact(text: str, amount: str) -> None:
    assert parse_quantity(text) == Decimal(amount)


@pytest.mark.parametrize("text", ["", "x", "1 Gi", "-1", "1gb", "1Mib", "1e", "1e1000", "1\n", "²"])
def test_anything_else_is_none(text: str) -> None:
    assert parse_quantity(text) is None


@pytest.mark.parametrize(
    ("text", "whole"), [("1", True), ("1e999", True), ("1000m", True), ("1m", False)]
)
def test_a_whole_amount_is_one_however_large(text: str, whole: bool) -> None:
    assert is_whole(parse_quantity(text) or Decimal(0)) is whole
