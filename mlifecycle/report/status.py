"""A stack's models as they run: for people, and as JSON."""

import json
from collections.abc import Sequence
from dataclasses import asdict

from mlifecycle.report.escape import line
from mlifecycle.stack.status import ModelStatus


def status_as_text(stack: str, models: Sequence[ModelStatus]) -> str:
    """A block for each model, and one line of all."""
    well = sum(model.is_well for model in models)
    lines = [text for model in models for text in _block(model)]
    return "\n".join([*lines, f"Stack {stack}: {well} of {len(models)} models are well"])


def status_as_json(stack: str, models: Sequence[ModelStatus]) -> str:
    """Each with `is_well`."""
    return json.dumps(
        {"stack": stack, "models": [{**asdict(one), "is_well": one.is_well} for one in models]},
        indent=2,
    )


def _block(model: ModelStatus) -> list[str]:
    name, _, digest = model.image.partition("@")
    commit = model.commit[:12] + ("+" if model.commit.endswith("+") else "")
    rows = [
        ("Image", name),
        ("Digest", digest),
        ("Runs", model.runs if model.runs != model.image else ""),
        ("Released", " ".join(filter(None, (model.deployed_at, model.by, commit)))),
        ("Verified", model.verified),
        ("Signature", model.signature),
        *(("Waiver", f"{finding}, {days} days left") for finding, days in model.waivers),
        ("Held back", model.held),
        *(("Outstanding", words) for words in model.outstanding),
    ]
    mark = "✓" if model.is_well else "❌"
    head = f"{mark} {model.model} {model.version}: {model.ready} of {model.wanted} pods ready"
    return [line(head), *(line(f"    {key + ':':<13}{value}") for key, value in rows if value), ""]
