"""What a real scan finds, and who lets it pass: a waiver of a release, or of a base image."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from mlifecycle.dependencies.lock import Lock
from mlifecycle.governance.context import Context
from mlifecycle.governance.waivers import Waiver
from tests.engine.gates import TODAY, Gate
from tests.engine.test_refusals import refused
from tests.policy.test_evaluation import waiver
from tests.sandbox import Sandbox

TORCH = Lock("torch==2.5.1 \\\n    --hash=sha256:0\n")
CRITICAL, UNFIXED = "CVE-2025-32434", "CVE-2025-6297"
# When nobody has mended it for longer than production puts up with.
LATER = date(2027, 7, 2)


def of(gate: Gate, finding: str, today: date, **changes: Any) -> Waiver:
    days = {"created": today - timedelta(days=10), "expires": today + timedelta(days=30)}
    release = {"model": gate.inputs.model, "version": gate.inputs.version}
    return waiver(**{"finding": finding, **release, **days, **changes})


def production(gate: Gate) -> Gate:
    return replace(gate, settings=replace(gate.settings, environment="production"))


def test_a_critical_vulnerability_with_a_fix_needs_a_waiver_that_holds(gate: Gate) -> None:
    said = gate.refuses(TORCH)
    assert (
        "- CVE-2025-32434 in torch==2.5.1\n  Severity: CRITICAL\n  Fix: Upgrade to torch>=2.6.0"
        in said
    )
    assert (
        "Action Required:\n1. Update requirements.txt\n2. Rebuild container\n3. Re-submit" in said
    )
    held = Context(date=TODAY, waivers=(of(gate, CRITICAL, TODAY),))
    passed = gate.passes(TORCH, held)
    (shown,) = [finding for finding in passed.findings if finding.subject == CRITICAL]
    assert shown.waiver is not None
    ended = of(gate, CRITICAL, TODAY, expires=TODAY - timedelta(days=1))
    said = gate.refuses(TORCH, Context(date=TODAY, waivers=(ended,)))
    assert f"Its waiver ended on {ended.expires}" in said
    other = of(gate, CRITICAL, TODAY, version="1.0.1")
    assert CRITICAL in gate.refuses(TORCH, Context(date=TODAY, waivers=(other,)))


def test_a_waiver_that_ends_stops_the_next_change_and_not_what_runs(gate: Gate) -> None:
    ended = of(gate, CRITICAL, TODAY, expires=TODAY - timedelta(days=1))
    context = Context(date=TODAY, waivers=(ended,))
    passed = gate.passes(TORCH, context, is_unchanged=True)
    (standing,) = [finding for finding in passed.findings if finding.subject == CRITICAL]
    assert standing.message.endswith("(standing: what runs is unchanged)")
    assert passed.stands
    assert not gate.passes(is_unchanged=True).stands
    assert CRITICAL in gate.refuses(TORCH, context)


@pytest.mark.parametrize("today", [TODAY, LATER])
def test_a_vulnerability_of_the_base_without_a_fix_is_always_shown(gate: Gate, today: date) -> None:
    passed = gate.passes(context=Context(date=today))
    assert [finding.subject for finding in passed.findings] == [UNFIXED]


def test_in_production_it_may_not_grow_old_unless_somebody_accepts_it(gate: Gate) -> None:
    strict = production(gate)
    passed = strict.passes(context=Context(date=TODAY))
    assert [finding.subject for finding in passed.findings] == [UNFIXED]
    assert UNFIXED in strict.refuses(context=Context(date=LATER))
    digest = gate.inputs.base_image.partition("@")[2]
    accepted = of(gate, UNFIXED, LATER, model=None, version=None, base_image=digest)
    (shown,) = strict.passes(context=Context(date=LATER, waivers=(accepted,))).findings
    assert shown.waiver is not None
    other = accepted.model_copy(update={"base_image": "sha256:" + "0" * 64})
    assert UNFIXED in strict.refuses(context=Context(date=LATER, waivers=(other,)))


def write_waiver(sandbox: Sandbox, created: date, expires: date) -> None:
    (sandbox.program / "policy_pack" / "waivers.yaml").write_text(
        f"- finding: {CRITICAL}\n  model: model-{sandbox.stack}\n  version: 2.1.0\n"
        "  owner: ada\n  approver: grace\n  reason: No file of somebody else's is loaded\n"
        f"  created: {created}\n  expires: {expires}\n  ticket: RISK-1\n"
    )


def test_a_release_that_its_waiver_outlives_stands_until_its_next_change(sandbox: Sandbox) -> None:
    own = ("name: fraud-detector", f"name: model-{sandbox.stack}")
    needs = ("torch>=2.0.0", "torch==2.5.1")
    sandbox.own_program()
    sandbox.write_manifest(own, needs)
    assert CRITICAL in refused(sandbox.preview())
    write_waiver(sandbox, TODAY - timedelta(days=10), TODAY + timedelta(days=1))
    released = sandbox.up()
    assert released.code == 0, released.output
    assert f"{CRITICAL} in torch==2.5.1" in released.output
    write_waiver(sandbox, TODAY - timedelta(days=10), TODAY - timedelta(days=1))
    unchanged = sandbox.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes")
    assert unchanged.code == 0, unchanged.output
    told = unchanged.output.split("Diagnostics:")[1]
    (line,) = {text for text in told.splitlines() if CRITICAL in text}
    assert "standing: what runs is unchanged" in line
    sandbox.write_manifest(own, needs, ("accuracy: 0.94", "accuracy: 0.95"))
    output = refused(sandbox.preview())
    assert f"{CRITICAL} in torch==2.5.1" in output
    assert f"Its waiver ended on {TODAY - timedelta(days=1)}" in output
