"""What scanners found decides, by environment, age and waiver."""

from datetime import date

import pytest

from mlifecycle.dependencies.lock import Lock
from mlifecycle.governance.findings import Level, refusals
from mlifecycle.security import verdict
from mlifecycle.security.evidence import (
    Severity,
    Vulnerability,
    Weakness,
)
from mlifecycle.security.rules import merged
from tests.policy.scans import BASE, IMAGE, TODAY, TORCH, judged, rules, scan, vulnerability
from tests.policy.test_evaluation import waiver


@pytest.mark.parametrize(
    ("changes", "holds"),
    [
        ({}, True),
        ({"version": None, "digest": IMAGE}, True),
        ({"version": None, "digest": BASE}, False),
        ({"digest": BASE}, False),
        ({"finding": "CVE-2022-45908"}, False),
        ({"model": "other"}, False),
        ({"version": "2.1.1"}, False),
        ({"expires": date(2025, 5, 31)}, False),
    ],
)
def test_a_waiver_lets_its_own_vulnerability_pass_while_it_holds(
    changes: dict[str, object], holds: bool
) -> None:
    (found,) = judged(scan(TORCH), waivers=(waiver(**{"finding": TORCH.id, **changes}),))
    assert (found.waiver is not None) is holds
    assert found.refuses is not holds


@pytest.mark.parametrize(
    ("digest", "systems", "holds"),
    [
        (BASE, (True,), True),
        (IMAGE, (True,), False),
        # The model's own dependency, or one beside the system's package.
        (BASE, (False,), False),
        (BASE, (True, False), False),
    ],
)
def test_a_waiver_of_a_base_image_is_of_the_systems_packages(
    digest: str, systems: tuple[bool, ...], holds: bool
) -> None:
    waived = waiver(finding=TORCH.id, model=None, version=None, base_image=digest)
    found = judged(
        scan(
            *(
                TORCH.model_copy(update={"package": f"p{n}", "system": is_systems})
                for n, is_systems in enumerate(systems)
            )
        ),
        waivers=(waived,),
    )
    assert [finding.refuses for finding in found] == [not holds] * len(systems)


def test_an_ended_waiver_is_named_with_what_it_no_longer_lets_pass() -> None:
    ended = waiver(finding=TORCH.id, expires=date(2025, 5, 31))
    (found,) = judged(scan(TORCH), waivers=(ended,))
    assert found.message.endswith("\n  Its waiver ended on 2025-05-31 (RISK-1, owner ada)")


@pytest.mark.parametrize("stage", ["development", "production"])
@pytest.mark.parametrize(
    ("severity", "fixed", "found"),
    [
        ("CRITICAL", "1.13.1", [("vulnerability-fixable", True)]),
        ("HIGH", "1.13.1", [("vulnerability-fixable", True)]),
        ("MEDIUM", "1.13.1", []),
        ("LOW", None, []),
        ("MEDIUM", None, []),
    ],
)
def test_high_and_critical_with_a_fix_block_everywhere(
    stage: str, severity: Severity, fixed: str | None, found: list[tuple[str, bool]]
) -> None:
    assert rules(judged(scan(vulnerability(severity, fixed)), stage=stage)) == found


@pytest.mark.parametrize(("stage", "refuses"), [("development", False), ("production", True)])
@pytest.mark.parametrize(
    ("item", "rule"),
    [
        (vulnerability("UNKNOWN", "2"), "vulnerability-unrated"),
        (vulnerability("HIGH", None), "vulnerability-unfixed"),
        (vulnerability("CRITICAL", None, published=date(2023, 6, 1)), "vulnerability-unfixed"),
    ],
)
def test_what_blocks_in_production_only_is_shown_before(
    item: Vulnerability, rule: str, stage: str, refuses: bool
) -> None:
    assert rules(judged(scan(item), stage=stage)) == [(rule, refuses)]


@pytest.mark.parametrize("severity", ["HIGH", "CRITICAL", "UNKNOWN"])
def test_a_vulnerability_that_waits_for_its_fix_is_always_shown(severity: Severity) -> None:
    item = vulnerability(severity, None, published=date(2023, 6, 2))
    (found,) = judged(scan(item))
    assert (found.rule, found.level) == ("vulnerability-unfixed", Level.ADVISORY)
    assert "Fix: none yet" in found.message


@pytest.mark.parametrize(
    ("fields", "blocks"),
    [
        ({"exploited": True}, True),
        ({"exploit_probability": 0.10}, True),
        ({"exploit_probability": 0.0999}, False),
    ],
)
def test_what_is_exploited_does_not_wait_for_a_fix(fields: dict[str, object], blocks: bool) -> None:
    item = vulnerability("HIGH", None, published=TODAY, **fields)
    found = judged(scan(item))
    assert [finding.rule for finding in refusals(found)] == ["vulnerability-exploited"] * blocks
    assert refusals(judged(scan(item), stage="development")) == []


def test_two_scanners_that_know_one_vulnerability_are_one_finding() -> None:
    """And whatever either knows counts."""
    young = vulnerability("MEDIUM", "1.13.1", package="Torch")
    old = vulnerability("CRITICAL", None, exploited=True)
    (one,) = merged([scan(young), scan(old)])
    assert (one.severity, one.fixed_version, one.exploited) == ("CRITICAL", "1.13.1", True)
    assert rules(judged(scan(young), scan(old))) == [("vulnerability-fixable", True)]


def test_a_scanner_that_did_not_look_refuses() -> None:
    assert rules(judged()) == [("scan-complete", True)]
    (found,) = judged(scan().model_copy(update={"inspected": 0}))
    assert found.message == "trivy has not looked at the image"


@pytest.mark.parametrize(
    ("severity", "confidence", "blocks"),
    [
        ("MEDIUM", "MEDIUM", True),
        ("HIGH", "HIGH", True),
        ("LOW", "HIGH", False),
        ("HIGH", "LOW", False),
        ("UNDEFINED", "HIGH", False),
    ],
)
def test_a_weakness_blocks_from_medium_severity_and_confidence(
    severity: str, confidence: str, blocks: bool
) -> None:
    place = {"rule": "B301", "file": "app/x.py", "line": 7, "message": "pickle"}
    item = Weakness.model_validate({**place, "severity": severity, "confidence": confidence})
    source = scan(weaknesses=(item,), target="source")
    found = [finding.message for finding in judged(scan(), source)]
    assert found == [f"B301 in app/x.py, line 7: pickle (severity {severity})"] * blocks


@pytest.mark.parametrize("stage", ["production", "development"])
def test_a_pickle_passes_by_a_waiver_only(stage: str) -> None:
    (found,) = judged(scan(), format_name="pickle", stage=stage)
    assert (found.rule, found.refuses) == ("model-pickle", True)
    text = verdict.failure_text([found], ())
    assert "1. Save the model with skops.io.dump, or export it to ONNX with skl2onnx" in text
    waived = waiver(finding="model-pickle", model="fraud-detector", version="2.1.0")
    (found,) = judged(scan(), format_name="pickle", stage=stage, waivers=(waived,))
    assert not found.refuses
    assert found.waiver == waived
    (found,) = judged(scan(), format_name="pickle", waivers=(waiver(version="2.1.1"),))
    assert found.refuses


def test_no_waiver_lets_a_pickle_pass_that_names_more_than_a_model_needs() -> None:
    place = {"rule": "global", "file": "model.pkl", "line": 0, "severity": "HIGH"}
    item = Weakness.model_validate({**place, "confidence": "HIGH", "message": "it calls os.system"})
    waivers = tuple(
        waiver(finding=name, model="fraud-detector", version="2.1.0")
        for name in ("model-pickle", "model-file-unsafe")
    )
    model = scan(weaknesses=(item,), target="model")
    found = judged(scan(), model, model, format_name="pickle", waivers=waivers)
    assert [(finding.rule, finding.refuses) for finding in found] == [
        ("model-pickle", False),
        ("model-file-unsafe", True),
    ]
    assert found[1].message == "the model file is more than a model: it calls os.system"


@pytest.mark.parametrize(
    ("stage", "level"), [("production", Level.MANDATORY), ("development", Level.ADVISORY)]
)
def test_a_range_does_not_bring_back_a_version_on_the_deny_list(stage: str, level: Level) -> None:
    lock = Lock("numpy==1.18.0 \\\n    --hash=sha256:0\ntorch==2.9.0 \\\n    --hash=sha256:1\n")
    (finding,) = judged(scan(), lock=lock, stage=stage)
    assert (finding.rule, finding.level) == ("dependency-known-vulnerable", level)
    assert finding.message == "locked dependency numpy==1.18.0 is known to be vulnerable"


@pytest.mark.parametrize("stage", ["production", "development"])
def test_what_cannot_be_locked_is_not_released(stage: str) -> None:
    (finding,) = judged(scan(), lock=Lock("", "no version fits"), stage=stage)
    assert finding.refuses
    assert finding.message == "the dependencies cannot be locked: no version fits"
