"""What the one evaluation makes of the rules: order, lines, waivers, and failing closed."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import pytest

from mlifecycle.governance import evaluation as module
from mlifecycle.governance.context import Context, RunningRelease
from mlifecycle.governance.evaluation import evaluate
from mlifecycle.governance.findings import Finding, Level, as_printed, threshold_as_printed
from mlifecycle.governance.governance import load_governance
from mlifecycle.governance.rule import Objection, Rule, Terms
from mlifecycle.governance.waivers import Waiver
from mlifecycle.manifest.loading import load_paths
from mlifecycle.manifest.schema import Manifest
from mlifecycle.report.governance import evaluation_text, failure_text
from tests.policy.manifests import CONTEXT, TODAY, judged, plain
from tests.sandbox import SEED_MANIFEST

LOW = {"spec.metrics.accuracy": "0.78"}
UNFAIR = {**LOW, "spec.fairness": None}


def waiver(**changes: object) -> Waiver:
    fields = {
        "finding": "metrics-accuracy-minimum",
        "model": "fraud-detector",
        "version": "2.1.0",
        "owner": "ada",
        "approver": "grace",
        "reason": "The new data is being labelled",
        "created": date(2025, 5, 1),
        "expires": date(2025, 6, 30),
        "ticket": "RISK-1",
    }
    return Waiver.model_validate({**fields, **changes})


def test_the_seeds_failure_reads_as_it_is_printed_there() -> None:
    assert failure_text(judged(UNFAIR).findings) == (
        "❌ Model failed governance check\n"
        "\n"
        "Violations:\n"
        "- Model accuracy 0.78 is below minimum threshold 0.85\n"
        "- Model must include fairness/bias evaluation metrics\n"
        "\n"
        "Action Required:\n"
        "1. Retrain model to improve accuracy\n"
        "2. Add fairness evaluation to training pipeline\n"
        "3. Update manifest with new metrics"
    )


def test_each_check_of_the_seeds_fourth_step_is_printed() -> None:
    text = evaluation_text(judged(), TODAY)
    for line in (
        "✓ Accuracy >= 0.85",
        "✓ F1 Score >= 0.80",
        "✓ Fairness metrics present",
        "✓ Demographic parity < 0.10",
        "✓ Drift score < 0.30",
        "✓ Framework approved",
        "✓ Dependencies on allowlist",
        "✓ Experiment tracking linked",
        "✓ Data sources approved",
    ):
        assert line in text.splitlines()
    refused = evaluation_text(judged(LOW), TODAY).splitlines()
    assert "❌ Accuracy >= 0.85 [metrics-accuracy-minimum]" in refused
    assert "✓ F1 Score >= 0.80" in refused


def test_a_check_with_nothing_to_judge_is_neither_passed_nor_failed() -> None:
    text = evaluation_text(judged({"spec.fairness": None}), TODAY)
    assert "Demographic parity" not in text


def test_an_advisory_is_not_among_the_violations() -> None:
    advice = Finding("x", Level.ADVISORY, "only advice", "do that")
    assert "only advice" not in failure_text([advice])


def test_a_finding_names_the_line_of_the_nearest_field() -> None:
    (loaded,) = load_paths([SEED_MANIFEST])
    found = evaluate(
        loaded.manifest, "production", load_governance(), CONTEXT, loaded.lines()
    ).findings
    lines = {finding.rule: finding.line for finding in found}
    assert (
        lines["explainability-present"] == SEED_MANIFEST.read_text().splitlines().index("spec:") + 1
    )


def test_findings_come_in_the_rules_order_always() -> None:
    many = {**UNFAIR, "spec.drift": None, "spec.dependencies": ["x", "y"], "spec.data_sources": []}
    first = [(f.rule, f.message) for f in judged(many).findings]
    assert first == [(f.rule, f.message) for f in judged(many).findings]
    assert [message for _, message in first if "allowlist" in message] == [
        "dependency x is not on the allowlist",
        "dependency y is not on the allowlist",
    ]


@pytest.mark.parametrize(
    ("changes", "holds"),
    [
        ({}, True),
        ({"expires": TODAY}, True),
        ({"expires": date(2025, 5, 31)}, False),
        ({"created": date(2025, 6, 2)}, False),
        ({"created": TODAY}, True),
        ({"model": "other"}, False),
        ({"version": "2.1.1"}, False),
        ({"finding": "metrics-f1-minimum"}, False),
    ],
)
def test_a_waiver_lets_its_own_finding_pass_while_it_holds(
    changes: dict[str, object], holds: bool
) -> None:
    context = CONTEXT.model_copy(update={"waivers": (waiver(**changes),)})
    evaluation = judged(LOW, context=context)
    assert evaluation.refused is not holds
    (finding,) = [f for f in evaluation.findings if f.rule == "metrics-accuracy-minimum"]
    assert finding.level is Level.MANDATORY
    assert (finding.waiver is not None) is holds
    text = evaluation_text(evaluation, TODAY)
    assert ("Waived:\n- Model accuracy 0.78 is below" in text) is holds


def test_an_ended_waiver_is_told() -> None:
    ended = waiver(expires=date(2025, 5, 31))
    evaluation = judged(context=CONTEXT.model_copy(update={"waivers": (ended,)}))
    (finding,) = [f for f in evaluation.findings if f.rule == "waiver-ended"]
    assert finding.level is Level.ADVISORY
    assert "metrics-accuracy-minimum ended on 2025-05-31 (RISK-1, owner ada)" in finding.message


@pytest.mark.parametrize(
    "changes", [{"model": "a"}, {"model": "z"}, {"version": "1.0.0"}, {"version": "9.0.0"}]
)
def test_another_releases_ended_waiver_is_not_told(changes: dict[str, object]) -> None:
    ended = waiver(expires=date(2025, 5, 31), **changes)
    evaluation = judged(context=CONTEXT.model_copy(update={"waivers": (ended,)}))
    assert "waiver-ended" not in {finding.rule for finding in evaluation.findings}


def test_a_waivers_last_day_counts() -> None:
    sound = waiver()
    assert [sound.days_left(date(2025, 6, day)) for day in (1, 29, 30)] == [29, 1, 0]
    assert sound.days_left(date(2025, 7, 1)) == -1


def test_a_running_release_that_does_not_change_is_warned_about_only() -> None:
    running = RunningRelease(version="2.1.0", environment="production", manifest=plain(LOW))
    context = CONTEXT.model_copy(update={"running": {"fraud-detector": running}})
    evaluation = judged(LOW, context=context)
    assert not evaluation.refused
    (finding,) = [f for f in evaluation.findings if f.rule == "metrics-accuracy-minimum"]
    assert finding.level is Level.ADVISORY
    assert "standing" in finding.message
    assert judged({**LOW, "spec.drift.score": "0.06"}, context=context).refused
    # What development has let pass is new to production.
    elsewhere = running.model_copy(update={"environment": "development"})
    context = CONTEXT.model_copy(update={"running": {"fraud-detector": elsewhere}})
    assert judged(LOW, context=context).refused


@pytest.mark.parametrize(("accuracy", "refused"), [("0.96", False), ("0.9601", True)])
def test_a_model_is_compared_with_what_runs(accuracy: str, refused: bool) -> None:
    running = RunningRelease(version="2.0.0", accuracy=Decimal(accuracy))
    context = CONTEXT.model_copy(update={"running": {"fraud-detector": running}})
    assert judged(context=context).refused is refused


def test_what_cannot_be_decided_here_is_shown_and_refuses_nothing() -> None:
    evaluation = judged(context=Context(date=TODAY))
    assert not evaluation.refused
    undecided = [f for f in evaluation.findings if f.undecided]
    assert [f.rule for f in undecided] == [
        "experiment-linked",
        "regression-accuracy",
        "regression-f1",
    ]
    assert "Not decided here:\n- Experiment known" in evaluation_text(evaluation, TODAY)


def _breaks(_: Manifest, __: Terms) -> Iterator[Objection]:
    raise ZeroDivisionError("no luck")


def test_a_rule_that_breaks_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Rule("metrics-present", "Metrics present", _breaks, "reason", "remedy")
    monkeypatch.setattr(module, "MANIFEST_RULES", (broken,))
    evaluation = judged()
    assert evaluation.refused
    assert "rule metrics-present broke: ZeroDivisionError: no luck" in failure_text(
        evaluation.findings
    )


def test_text_from_a_manifest_does_not_reach_the_terminal_as_control() -> None:
    nasty = "x\x1b[2J\u202e"
    text = evaluation_text(judged({"spec.model.framework": nasty}), TODAY)
    assert "\x1b" not in text
    assert "\u202e" not in text


@pytest.mark.parametrize(
    ("number", "printed"),
    [
        ("0.78", "0.78"),
        ("0.8", "0.80"),
        ("0.8499", "0.8499"),
        ("1", "1.00"),
        ("0E-10", "0.00"),
        ("99999999999999999999.5", "99999999999999999999.50"),
        ("1" + "0" * 99, "1" + "0" * 99 + ".00"),
        ("1" + "0" * 100, "1" + "0" * 100),
        ("0.7999999999999999999999999999999999", "0.7999999999999999999999999999999999"),
        ("1E-3", "0.001"),
        ("1E-101", "1E-101"),
        ("1E+400", "1E+400"),
        ("1E-400", "1E-400"),
    ],
)
def test_a_number_is_printed_as_exactly_as_it_needs(number: str, printed: str) -> None:
    assert as_printed(Decimal(number)) == printed


@pytest.mark.parametrize(
    ("number", "printed"),
    [("365", "365"), ("1", "1"), ("1E+3", "1E+3"), ("0.85", "0.85"), ("1.5", "1.50")],
)
def test_a_threshold_that_is_a_count_is_printed_as_one(number: str, printed: str) -> None:
    assert threshold_as_printed(Decimal(number)) == printed
