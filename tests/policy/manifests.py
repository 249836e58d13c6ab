"""Manifests for tests: the seed's, with fields set or taken away."""

from datetime import date
from typing import Any

from mlifecycle.governance.context import Context
from mlifecycle.governance.evaluation import Evaluation, evaluate
from mlifecycle.governance.governance import load_governance
from mlifecycle.manifest.loading import load_paths
from mlifecycle.manifest.plain import from_plain, to_plain
from mlifecycle.manifest.schema import Manifest
from tests.sandbox import SEED_MANIFEST

# A year has not passed since the seed's reference date.
TODAY = date(2025, 6, 1)
CONTEXT = Context(date=TODAY, running={}, experiments=("exp-fraud-2025-001",))
Edits = dict[str, Any]


def plain(edits: Edits | None = None) -> dict[str, Any]:
    """The seed's manifest as a resource's inputs; an edit of None takes the field away."""
    (loaded,) = load_paths([SEED_MANIFEST])
    result = to_plain(loaded.manifest)
    for path, value in (edits or {}).items():
        *sections, field = path.split(".")
        section = result
        for step in sections:
            section = section.setdefault(step, {})
        if value is None:
            del section[field]
        else:
            section[field] = value
    return result


def manifest(edits: Edits | None = None) -> Manifest:
    """The seed's manifest, edited."""
    return from_plain(plain(edits))


def judged(
    edits: Edits | None = None, environment: str = "production", context: Context = CONTEXT
) -> Evaluation:
    """What the rules say of the seed's manifest, edited."""
    return evaluate(manifest(edits), environment, load_governance(), context)
