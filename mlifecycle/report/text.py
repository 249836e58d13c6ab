"""A release as plain text."""

from mlifecycle.stack.release import ReleasedModel, ReleaseResult


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
        lines += ["Warnings:", *(f"- {warning}" for warning in warnings), ""]
    lines += [
        f"Preview {result.preview.seconds:.1f} s, update {result.update.seconds:.1f} s, "
        f"verification {result.verification_seconds:.1f} s"
    ]
    return "\n".join(lines)


def _model(model: ReleasedModel) -> list[str]:
    verification = model.verification
    image, digest = model.image.split("@")
    return [
        f"Model {model.model} v{model.version}",
        f"  Image:      {image}",
        f"  Digest:     {digest}",
        f"  Address:    {model.address} (namespace {model.namespace})",
        f"  Prediction: {verification.predictions[0]:.6f} for golden sample 0, "
        f"expected {verification.expected[0]:.6f}",
        f"  Verified:   all {len(verification.predictions)} golden samples",
        "",
    ]
