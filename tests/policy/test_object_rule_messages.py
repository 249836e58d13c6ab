"""What each rule on Kubernetes objects says, word for word."""

from typing import Any

import pytest

from mlifecycle.governance.rule import Path
from tests.policy import object_cases, object_cases_access
from tests.policy.objects import RULES, changed, messages

CASES = object_cases.CASES + object_cases_access.CASES


@pytest.mark.parametrize(("key", "target", "path", "value", "expected"), CASES)
def test_a_rule_says_what_it_found_and_where(
    key: str, target: str, path: Path, value: Any, expected: list[str]
) -> None:
    assert messages(key, changed(target, (path, value))) == expected


def test_every_rule_but_those_of_pod_security_has_a_case() -> None:
    keys = {key for key in RULES if not key.startswith("pss-")}
    assert keys - {key for key, *_ in CASES} == {"sec-pulumi-secret", "object-seen"}
