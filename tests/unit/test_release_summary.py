"""The summary of a release: a warning that several models share is said once."""

from mlifecycle.release.verification import Verification
from mlifecycle.report.text import release_summary
from mlifecycle.stack.engine import Run
from mlifecycle.stack.release import ReleasedModel, ReleaseResult


def test_a_warning_that_models_share_is_said_once() -> None:
    models = tuple(
        ReleasedModel(
            name, "1.0.0", "n", "r/x:1@sha256:0", "http://x", Verification([[0.0]], [1.0], [1.0])
        )
        for name in ("a", "b")
    )
    warnings = ("a: no autoscaling", "b: no autoscaling", "b: old: data", "the registry: slow")
    result = ReleaseResult(Run(), Run(warnings=warnings), 1.0, models)
    text = release_summary("dev", result)
    assert text.split("Warnings:\n")[1].splitlines()[:3] == [
        "- a, b: no autoscaling",
        "- b: old: data",
        "- the registry: slow",
    ]
