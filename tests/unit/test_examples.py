"""Each example gives just the findings that its first lines name."""

from datetime import date
from pathlib import Path

import pytest

from mlifecycle.governance.catalogue import all_rules
from mlifecycle.governance.context import Context
from mlifecycle.governance.evaluation import Evaluation, evaluate
from mlifecycle.governance.findings import Level
from mlifecycle.governance.governance import load_governance
from mlifecycle.governance.manifest_rules import MANIFEST_RULES
from mlifecycle.manifest.loading import ManifestError, load_paths
from tests.sandbox import ROOT

INVALID = sorted((ROOT / "examples" / "invalid").glob("*.yaml"))
ADVISORY = sorted((ROOT / "examples" / "advisory").glob("*.yaml"))
CONTEXT = Context(date=date(2026, 11, 24), running={}, experiments=("exp-fraud-2025-001",))


def named(file: Path) -> list[str]:
    """The rules that the first line names."""
    return lines(file)[0].removeprefix("# findings: ").split(", ")


def lines(file: Path) -> list[str]:
    """One example is no UTF-8."""
    return file.read_text(errors="replace").splitlines()


def judged(file: Path) -> Evaluation:
    (loaded,) = load_paths([file])
    return evaluate(loaded.manifest, "production", load_governance(), CONTEXT, loaded.lines())


@pytest.mark.parametrize("file", INVALID, ids=lambda file: file.stem)
def test_an_invalid_example_gives_the_findings_that_it_names(file: Path) -> None:
    if named(file) != ["schema"]:
        assert [finding.rule for finding in judged(file).findings] == named(file)
        assert judged(file).refused
        return
    with pytest.raises(ManifestError) as caught:
        load_paths([file])
    message = lines(file)[1].removeprefix("# message: ")
    assert str(caught.value) == f"{file}:{message}"


@pytest.mark.parametrize("file", ADVISORY, ids=lambda file: file.stem)
def test_an_advisory_example_gives_the_warning_that_it_names(file: Path) -> None:
    evaluation = judged(file)
    assert [finding.rule for finding in evaluation.findings] == named(file)
    assert not evaluation.refused


def test_every_rule_has_an_example_at_its_level_in_production() -> None:
    levels = load_governance().levels
    for level, files in ((Level.MANDATORY, INVALID), (Level.ADVISORY, ADVISORY)):
        ids = {
            rule.id
            for rule in MANIFEST_RULES
            if levels.setting(rule.key, "production").level is level
        }
        assert ids <= {rule for file in files for rule in named(file)}


def test_there_is_an_example_of_each_kind_of_mistake() -> None:
    assert len(INVALID) >= 25
    assert len([file for file in INVALID if named(file) == ["schema"]]) >= 15


def test_every_valid_example_passes() -> None:
    for loaded in load_paths([ROOT / "examples" / "valid"]):
        for environment in load_governance().levels.environments:
            found = evaluate(loaded.manifest, environment, load_governance(), CONTEXT)
            assert not found.refused, loaded.file


def test_a_rules_key_is_its_own() -> None:
    keys = [rule.key for rule in all_rules()]
    assert len(keys) == len(set(keys))
