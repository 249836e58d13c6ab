"""A release as plain text."""

from collections.abc import Collection, Iterable

from mlifecycle.release.verification import Verification, VerificationError
from mlifecycle.report.escape import line
from mlifecycle.stack.release import ReleaseResult
from mlifecycle.stack.run import ReleasedModel


def release_summary(stack: str, result: ReleaseResult) -> str:
    """What runs now, what it took, and what can be tried next."""
    changed = result.update.changed
    headline = f"{changed} resources changed" if changed else "nothing has changed"
    lines = ["", f"✓ Stack {stack}: {headline}", ""]
    for model in result.models:
        lines += _model(model)
    if not result.models:
        lines += ["No model: the folders of mlifecycle:manifestFolders hold no manifest", ""]
    if warnings := result.update.warnings:
        models = {model.model for model in result.models}
        lines += ["Warnings:", *(f"- {words}" for words in _together(warnings, models)), ""]
    lines += [
        f"Preview {result.preview.seconds:.1f} s, update {result.update.seconds:.1f} s, "
        f"verification {result.verification_seconds:.1f} s; {result.recorded} new in the ledger"
    ]
    return "\n".join(lines)


def rollback_summary(stack: str, model: ReleasedModel) -> str:
    """What runs again, and how the manifest comes to be released after all."""
    return "\n".join(
        [
            "",
            f"✓ Stack {stack}: {model.model} is returned to {model.version}",
            "",
            *_model(model),
            "Its manifest is held back until it changes, or",
            f"  mlifecycle retry {model.model} --stack {stack} --reason ...",
        ]
    )


def verification_line(model: str, found: Verification | VerificationError) -> str:
    """How a model answers: one line, or why it does not."""
    if isinstance(found, VerificationError):
        return f"❌ {line(model)}\n{found}\n"
    if not found.samples:
        return f"✓ {line(model)}: health and identity; predictions unverified, without golden.json"
    return f"✓ {line(model)}: all {found.samples} golden samples"


def _together(warnings: Iterable[str], models: Collection[str]) -> list[str]:
    """Each warning once, with all of the models that it is about in front of it."""
    about: dict[str, list[str]] = {}
    for warning in warnings:
        model, separator, words = warning.partition(": ")
        if separator and model in models:
            about.setdefault(words, []).append(model)
        else:
            about.setdefault(warning, [])
    return [
        f"{', '.join(sorted(named))}: {words}" if named else words for words, named in about.items()
    ]


def _model(model: ReleasedModel) -> list[str]:
    image, digest = model.image.split("@")
    return [
        f"Model {model.model} v{model.version}",
        f"  Image:      {image}",
        f"  Digest:     {digest}",
        f"  Address:    {model.address} (namespace {model.namespace})",
        *_proof(model.verification),
        f"  Signature:  {model.signature}",
        f"  Registered: {line(model.registered)}",
        "",
    ]


def _proof(verification: Verification) -> list[str]:
    if verification.prediction is None:
        return [
            "  Verified:   health and identity only; predictions unverified, without golden.json"
        ]
    got, expected = map(_value, verification.prediction)
    return [
        f"  Prediction: {got} for golden sample 0, expected {expected}",
        f"  Verified:   all {verification.samples} golden samples",
    ]


def _value(value: object) -> str:
    return f"{value:.6f}" if isinstance(value, int | float) else line(str(value))
