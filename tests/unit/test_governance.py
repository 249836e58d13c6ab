"""The first rules, both sides of each boundary, and that nothing passes by being unset."""

from decimal import Decimal
from pathlib import Path

import pytest

from mlifecycle.governance.evaluation import check_levels, evaluate
from mlifecycle.governance.findings import Finding, Level, as_printed, failure_text
from mlifecycle.governance.levels import LevelsError, RuleLevel, load_levels
from mlifecycle.manifest.loading import load_paths
from mlifecycle.manifest.schema import Manifest
from tests.sandbox import SEED_MANIFEST

SEED = SEED_MANIFEST.read_text()


def manifest(tmp_path: Path, *replacements: tuple[str, str]) -> Manifest:
    text = SEED
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    file = tmp_path / "m.yaml"
    file.write_text(text)
    return load_paths([file])[0].manifest


def test_the_seeds_manifest_has_no_finding() -> None:
    (loaded,) = load_paths([SEED_MANIFEST])
    assert evaluate(loaded.manifest, load_levels()) == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("accuracy: 0.94", "accuracy: 0.85", None),
        (
            "accuracy: 0.94",
            "accuracy: 0.78",
            "Model accuracy 0.78 is below minimum threshold 0.85",
        ),
        (
            "accuracy: 0.94",
            "accuracy: 0.8499999999999999999",
            "Model accuracy 0.8499999999999999999 is below minimum threshold 0.85",
        ),
        ("accuracy: 0.94", "accuracy: 1", None),
        ("accuracy: 0.94", "accuracy: 0", "Model accuracy 0.00 is below minimum threshold 0.85"),
        ("f1_score: 0.90", "f1_score: 0.80", None),
        (
            "f1_score: 0.90",
            "f1_score: 0.799",
            "Model F1 score 0.799 is below minimum threshold 0.80",
        ),
        ("    f1_score: 0.90\n", "", "Model must include metric f1_score"),
        ("    accuracy: 0.94\n", "", "Model must include metric accuracy"),
    ],
)
def test_metrics_are_judged_at_their_boundary(
    tmp_path: Path, old: str, new: str, message: str | None
) -> None:
    findings = evaluate(manifest(tmp_path, (old, new)), load_levels())
    assert [finding.message for finding in findings] == ([message] if message else [])
    assert all(finding.level is Level.MANDATORY for finding in findings)


def test_a_manifest_without_metrics_is_refused(tmp_path: Path) -> None:
    start = SEED.index("  metrics:")
    section = SEED[start : SEED.index("  fairness:")]
    (finding,) = evaluate(manifest(tmp_path, (section, "")), load_levels())
    assert finding.rule == "metrics-present"


def test_every_finding_is_reported_with_numbered_actions(tmp_path: Path) -> None:
    bad = manifest(
        tmp_path, ("accuracy: 0.94", "accuracy: 0.78"), ("f1_score: 0.90", "f1_score: 0.5")
    )
    assert failure_text(evaluate(bad, load_levels())) == (
        "❌ Model failed governance check\n"
        "\n"
        "Violations:\n"
        "- Model accuracy 0.78 is below minimum threshold 0.85\n"
        "- Model F1 score 0.50 is below minimum threshold 0.80\n"
        "\n"
        "Action Required:\n"
        "1. Retrain model to improve accuracy\n"
        "2. Retrain model to improve F1 score"
    )


def test_an_advisory_is_not_among_the_violations() -> None:
    advice = Finding("x", Level.ADVISORY, "only advice", "do that")
    assert "only advice" not in failure_text([advice])


@pytest.mark.parametrize(
    ("number", "printed"),
    [("0.78", "0.78"), ("0.8", "0.80"), ("0.8499", "0.8499"), ("1", "1.00"), ("0E-10", "0.00")],
)
def test_a_number_is_printed_as_exactly_as_it_needs(number: str, printed: str) -> None:
    assert as_printed(Decimal(number)) == printed


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "not enough values"),
        ("a: [", "levels.yaml:1: "),
        ("metrics-present: {level: optional}", "metrics-present"),
        ("metrics-present: {level: mandatory, treshold: 1}", "treshold"),
        ("{}", "no rule is in it"),
    ],
)
def test_an_unusable_levels_file_stops_everything(
    tmp_path: Path, content: str, expected: str
) -> None:
    file = tmp_path / "levels.yaml"
    file.write_text(content)
    with pytest.raises(LevelsError, match=expected):
        load_levels(file)


def test_a_rule_that_nobody_set_is_not_passed() -> None:
    levels = dict(load_levels())
    del levels["metrics-f1-minimum"]
    with pytest.raises(LevelsError, match="no level for metrics-f1-minimum"):
        check_levels(levels)


def test_a_threshold_that_nobody_set_is_not_passed() -> None:
    levels = {**load_levels(), "metrics-f1-minimum": RuleLevel(level=Level.MANDATORY)}
    with pytest.raises(LevelsError, match="metrics-f1-minimum has no threshold"):
        check_levels(levels)


def test_a_level_for_no_rule_is_a_mistake() -> None:
    levels = {**load_levels(), "metrics-acuracy": RuleLevel(level=Level.MANDATORY)}
    with pytest.raises(LevelsError, match="no rule is called metrics-acuracy"):
        check_levels(levels)
