"""What the gate says of what scanners found, and which words each rule has."""

from datetime import timedelta

import pytest

from mlifecycle.governance.rule import Rule
from mlifecycle.security import verdict
from mlifecycle.security.evidence import (
    Secret,
)
from mlifecycle.security.rules import SCAN_RULES, Scanned
from tests.policy.scans import NOW, TODAY, TORCH, judged, scan, vulnerability


def test_the_refusal_reads_as_printed_in_the_workflow() -> None:
    found = scan(TORCH)
    assert verdict.failure_text(judged(found), [found]) == (
        "❌ Security scan failed\n"
        "\n"
        "- CVE-2022-45907 in torch==1.9.0\n"
        "  Severity: CRITICAL\n"
        "  Fix: Upgrade to torch>=1.13.1\n"
        "\n"
        "Action Required:\n"
        "1. Update requirements.txt\n"
        "2. Rebuild container\n"
        "3. Re-submit deployment\n"
        "\n"
        f"Databases: trivy's from registry/db:2 of {NOW:%Y-%m-%d}"
    )


def test_a_package_of_the_system_is_upgraded_by_renewing_the_base_image() -> None:
    (found,) = judged(scan(vulnerability("HIGH", "3.0.22", system=True)))
    assert found.message.endswith(
        "Fix: Upgrade to torch>=3.0.22, with mlifecycle lock --base-image"
    )


def test_any_secret_blocks_and_names_its_place_once() -> None:
    secret = Secret(rule="pem", file="app/x.py", line=2)
    scans = [scan(secrets=(secret,)), scan(secrets=(secret,))]
    found = judged(*scans)
    assert [finding.message for finding in found] == ["secret (pem) in app/x.py, line 2"]
    assert verdict.failure_text(found, scans).endswith(
        "Action Required:\n"
        "1. Remove the secret and revoke it: it has left its vault\n"
        "2. Re-submit deployment"
    )


def test_every_kind_of_finding_has_its_remedy_behind_the_steps_that_all_share() -> None:
    both = scan(TORCH, secrets=(Secret(rule="pem", file="x", line=2),))
    steps = verdict.failure_text(judged(both), ()).split("Action Required:\n")[1].splitlines()
    assert [step[:20] for step in steps] == [
        "1. Update requiremen",
        "2. Rebuild container",
        "3. Re-submit deploym",
        "4. Remove the secret",
    ]


@pytest.mark.parametrize("rule", SCAN_RULES, ids=lambda rule: rule.key)
def test_every_rule_says_why_and_what_to_do(rule: Rule[Scanned]) -> None:
    assert rule.reason
    assert rule.remediation
    assert rule.frameworks


def test_an_old_vulnerability_is_counted_in_days_from_the_day_it_was_known() -> None:
    limit = TODAY - timedelta(days=730)
    for published, refuses in ((limit, False), (limit - timedelta(days=1), True)):
        (found,) = judged(scan(vulnerability("HIGH", None, published=published)))
        assert found.refuses is refuses
