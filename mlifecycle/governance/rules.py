"""The manifest rules: a new one is one function here and its line in levels.yaml.

A rule looks at one manifest and yields its objections; its level and threshold come from the
governance owner's file.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from mlifecycle.governance.findings import as_printed
from mlifecycle.manifest.schema import Manifest


@dataclass(frozen=True)
class Objection:
    """What a rule found, before the owner's level is put on it."""

    message: str
    value: str | None = None


Check = Callable[[Manifest, Decimal | None], Iterator[Objection]]


@dataclass(frozen=True)
class Rule:
    """A rule's id, its check, what the manifest's author can do, and if it has a threshold."""

    id: str
    check: Check
    remediation: str
    has_threshold: bool = False


def _metrics_present(manifest: Manifest, _: Decimal | None) -> Iterator[Objection]:
    metrics = manifest.spec.metrics
    if metrics is None:
        yield Objection("Model must include evaluation metrics")
        return
    for field in ("accuracy", "f1_score"):
        if getattr(metrics, field) is None:
            yield Objection(f"Model must include metric {field}")


def _minimum(label: str, field: str) -> Check:
    def check(manifest: Manifest, threshold: Decimal | None) -> Iterator[Objection]:
        value: Decimal | None = getattr(manifest.spec.metrics, field, None)
        if value is not None and threshold is not None and value < threshold:
            yield Objection(
                f"Model {label} {as_printed(value)} is below minimum threshold "
                f"{as_printed(threshold)}",
                value=str(value),
            )

    return check


RULES = (
    Rule("metrics-present", _metrics_present, "Update manifest with the missing metrics"),
    Rule(
        "metrics-accuracy-minimum",
        _minimum("accuracy", "accuracy"),
        "Retrain model to improve accuracy",
        has_threshold=True,
    ),
    Rule(
        "metrics-f1-minimum",
        _minimum("F1 score", "f1_score"),
        "Retrain model to improve F1 score",
        has_threshold=True,
    ),
)
