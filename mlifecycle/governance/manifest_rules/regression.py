"""Whether the model is worse than the one that it replaces: the declared one, and the running."""

from collections.abc import Callable, Iterator
from decimal import Decimal

from mlifecycle.governance.findings import as_printed
from mlifecycle.governance.rule import NotDecided, NothingToJudge, Objection, Rule, Terms
from mlifecycle.manifest.schema import Manifest

Check = Callable[[Manifest, Terms], Iterator[Objection]]
WORDS = {"accuracy": "accuracy", "f1_score": "F1 score"}


def _below_declared(field: str) -> Check:
    def check(manifest: Manifest, terms: Terms) -> Iterator[Objection]:
        previous = manifest.spec.previous_version
        before = getattr(previous.metrics, field, None) if previous else None
        yield from _dropped(manifest, field, before, "the previous version", terms)

    return check


def _below_running(field: str) -> Check:
    def check(manifest: Manifest, terms: Terms) -> Iterator[Objection]:
        if terms.context.running is None:
            raise NotDecided("no stack is asked what it runs")
        running = terms.context.running.get(manifest.spec.model.name)
        before = getattr(running, field, None)
        yield from _dropped(manifest, field, before, "the running release", terms)

    return check


def _dropped(
    manifest: Manifest, field: str, before: Decimal | None, whose: str, terms: Terms
) -> Iterator[Objection]:
    """More than the threshold below, in points: 0.96 to 0.94 is 0.02, exactly."""
    now: Decimal | None = getattr(manifest.spec.metrics, field, None)
    if before is None or now is None:
        raise NothingToJudge
    if before - now > terms.limit:
        yield Objection(
            f"{WORDS[field]} {as_printed(now)} is more than {as_printed(terms.limit)} below "
            f"{whose}'s {as_printed(before)}",
            value=str(now),
            path=("spec", "metrics", field),
        )


def _slower(manifest: Manifest, terms: Terms) -> Iterator[Objection]:
    inference, previous = manifest.spec.inference, manifest.spec.previous_version
    now: Decimal | None = inference.latency_p99_ms if inference else None
    before: Decimal | None = previous.latency_p99_ms if previous else None
    if now is None or before is None:
        raise NothingToJudge
    if now > before * terms.limit:
        yield Objection(
            f"p99 latency {now} ms is more than {terms.limit} times the previous version's "
            f"{before} ms",
            value=str(now),
            path=("spec", "inference", "latency_p99_ms"),
        )


def _regression(rule: str, field: str) -> tuple[Rule[Manifest], ...]:
    words = WORDS[field]
    remediation = f"Retrain model until its {words} is that of the one that it replaces"
    frameworks = ("NIST AI RMF MEASURE 2.3",)
    return (
        Rule(
            rule,
            f"{words} not more than {{threshold}} below the previous version's",
            _below_declared(field),
            "A new version should not be worse than the one that it replaces.",
            remediation,
            frameworks,
            case="declared",
            has_threshold=True,
        ),
        Rule(
            rule,
            f"{words} not more than {{threshold}} below the running release's",
            _below_running(field),
            "What an author declares as previous need not be what runs.",
            remediation,
            frameworks,
            case="running",
            has_threshold=True,
        ),
    )


RULES: tuple[Rule[Manifest], ...] = (
    *_regression("regression-accuracy", "accuracy"),
    *_regression("regression-f1", "f1_score"),
    Rule(
        "regression-latency",
        "p99 latency at most {threshold} times the previous version's",
        _slower,
        "Callers notice slowness before they notice quality.",
        "Make the model faster, or raise its resources",
        ("NIST AI RMF MEASURE 2.5",),
        has_threshold=True,
    ),
)
