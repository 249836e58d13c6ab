"""The summary of a release: a warning that several models share is said once."""

from mlifecycle.release.verification import Verification, VerificationError
from mlifecycle.report.text import release_summary, verification_line
from mlifecycle.stack.engine import Run
from mlifecycle.stack.release import ReleasedModel, ReleaseResult


def released(name: str, proof: Verification) -> ReleasedModel:
    return ReleasedModel(
        name, "1.0.0", "n", "r/x:1@sha256:0", "http://x", proof, "unsigned", "champion"
    )


def test_a_warning_that_models_share_is_said_once() -> None:
    models = tuple(released(name, Verification(8, (0.5, 0.5))) for name in ("a", "b"))
    warnings = ("a: no autoscaling", "b: no autoscaling", "b: old: data", "the registry: slow")
    result = ReleaseResult(Run(), Run(warnings=warnings), 1.0, models)
    text = release_summary("dev", result)
    assert text.split("Warnings:\n")[1].splitlines()[:3] == [
        "- a, b: no autoscaling",
        "- b: old: data",
        "- the registry: slow",
    ]


def test_the_proof_says_what_is_known() -> None:
    proofs = ((Verification(8, (0.25, 0.25)), "0.250000 for golden sample 0"),)
    proofs += ((Verification(3, ("yes", "yes")), "yes for golden sample 0, expected yes"),)
    proofs += ((Verification(), "predictions unverified, without golden.json"),)
    for proof, words in proofs:
        model = released("a", proof)
        assert words in release_summary("dev", ReleaseResult(Run(), Run(), 1.0, (model,)))


def test_a_verification_is_a_line_or_says_why() -> None:
    assert verification_line("a", Verification(8, (0.5, 0.5))) == "✓ a: all 8 golden samples"
    assert "predictions unverified" in verification_line("a", Verification())
    error = VerificationError("❌ Deployment health check failed")
    assert verification_line("a", error) == "❌ a\n❌ Deployment health check failed\n"
