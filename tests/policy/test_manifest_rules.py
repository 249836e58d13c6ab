"""Every manifest rule speaks on its own side of each boundary."""

from decimal import Decimal

import pytest

from mlifecycle.governance.manifest_rules import MANIFEST_RULES
from mlifecycle.governance.manifest_rules.quality import wilson_lower_bound
from tests.policy import manifest_cases, manifest_cases_operation
from tests.policy.manifests import Edits, judged

CASES = manifest_cases.CASES + manifest_cases_operation.CASES


@pytest.mark.parametrize(("rule", "edits", "message"), CASES)
def test_a_rule_speaks_on_its_side_of_the_boundary_only(
    rule: str, edits: Edits, message: str | None
) -> None:
    findings = [finding for finding in judged(edits).findings if finding.rule == rule]
    assert [finding.message for finding in findings] == ([message] if message else [])


def test_wilsons_interval_is_the_published_one() -> None:
    """8 of 10: 49.0 % to 94.3 %, as in Newcombe (1998), Statistics in Medicine 17, method 3."""
    assert f"{wilson_lower_bound(Decimal('0.8'), 10):.4f}" == "0.4902"
    assert f"{wilson_lower_bound(Decimal('0.3'), 10):.4f}" == "0.1078"


def test_every_rule_has_a_case_that_passes_and_one_that_does_not() -> None:
    spoken = {rule for rule, _, message in CASES if message}
    silent = {rule for rule, _, message in CASES if not message}
    ids = {rule.id for rule in MANIFEST_RULES}
    # A present section is in every case of the others.
    assert spoken == ids
    assert ids - silent <= {
        *("drift-present", "fairness-present", "data-sources-present", "experiment-linked"),
        "namespace-present",
    }
