"""Each example gives just the findings that its first line names."""

from pathlib import Path

import pytest

from mlifecycle.governance.evaluation import evaluate
from mlifecycle.governance.levels import load_levels
from mlifecycle.manifest.loading import ManifestError, load_paths
from tests.sandbox import ROOT

INVALID = sorted((ROOT / "examples" / "invalid").glob("*.yaml"))


def test_there_are_examples_of_refusals() -> None:
    assert len(INVALID) >= 4


@pytest.mark.parametrize("file", INVALID, ids=lambda file: file.stem)
def test_an_invalid_example_gives_the_findings_that_it_names(file: Path) -> None:
    expected = file.read_text().splitlines()[0].removeprefix("# findings: ").split(", ")
    try:
        (loaded,) = load_paths([file])
    except ManifestError:
        assert expected == ["schema"]
    else:
        found = evaluate(loaded.manifest, load_levels())
        assert [finding.rule for finding in found] == expected


def test_every_valid_example_has_no_finding() -> None:
    for loaded in load_paths([ROOT / "examples" / "valid"]):
        assert evaluate(loaded.manifest, load_levels()) == [], loaded.file
