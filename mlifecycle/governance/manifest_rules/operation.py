"""How the model is to be served, watched and taken back."""

import operator
from collections.abc import Callable, Iterator

from mlifecycle.governance.rule import NothingToJudge, Objection, Path, Rule, Terms
from mlifecycle.manifest.operation import Amounts, Resources
from mlifecycle.manifest.schema import Manifest
from mlifecycle.quantity import is_whole, parse_quantity

RESOURCES = ("spec", "inference", "resources")
# What a later version of the platform acts on: asked for and not given must be seen.
WITHOUT_EFFECT = (
    ("monitoring", "thresholds"),
    ("monitoring", "request_logging"),
    ("rollback", "bake"),
    ("ownership", "notify"),
)


def _namespace(manifest: Manifest, _: Terms) -> Iterator[Objection]:
    if manifest.metadata.namespace is None:
        yield Objection("Model must name the namespace that it lands in", path=("metadata",))


def _memory_limit(manifest: Manifest, _: Terms) -> Iterator[Objection]:
    inference = manifest.spec.inference
    if inference is None or inference.resources is None:
        raise NothingToJudge
    resources = inference.resources
    if resources.limits is None or resources.limits.memory is None:
        yield Objection("inference.resources has no limits.memory", path=RESOURCES)
    for part in ("requests", "limits"):
        amounts = getattr(resources, part)
        for field in ("cpu", "memory"):
            amount: str | None = amounts and getattr(amounts, field)
            if amount is not None and not _is_quantity(amount, whole=field == "memory"):
                yield Objection(
                    f"{amount!r} is not a quantity above 0, such as 512Mi or 500m",
                    value=amount,
                    path=(*RESOURCES, part, field),
                )
    yield from _at_odds(resources)


def _at_odds(resources: Resources) -> Iterator[Objection]:
    """What no scheduler could grant, or what would make the pod the first to be killed."""
    requests, limits = resources.requests or Amounts(), resources.limits or Amounts()
    for field, relation, is_sound in (
        ("memory", "must be the limit", operator.eq),
        ("cpu", "is more than the limit", operator.le),
    ):
        asked, most = getattr(requests, field), getattr(limits, field)
        amount, limit = (parse_quantity(text or "") for text in (asked, most))
        if amount is not None and limit is not None and not is_sound(amount, limit):
            yield Objection(
                f"requests.{field} {asked} {relation}, {most}",
                value=asked,
                path=(*RESOURCES, "requests", field),
            )


def _is_quantity(text: str, *, whole: bool) -> bool:
    """Above 0, and where it counts bytes, no part of one (`100m` is a tenth of a byte)."""
    amount = parse_quantity(text)
    return amount is not None and amount > 0 and (is_whole(amount) or not whole)


def _autoscaling(manifest: Manifest, _: Terms) -> Iterator[Objection]:
    autoscaling = manifest.spec.inference.autoscaling if manifest.spec.inference else None
    if autoscaling is None or (autoscaling.min_replicas or autoscaling.max_replicas) is None:
        missing = "no autoscaling" if autoscaling is None else "no number of replicas to scale to"
        yield Objection(
            f"{missing} given: the environment's default is applied", path=("spec", "inference")
        )


def _replicas(manifest: Manifest, terms: Terms) -> Iterator[Objection]:
    inference = manifest.spec.inference
    if inference is None:
        raise NothingToJudge
    asked: list[tuple[int | None, Path]] = [(inference.replicas, ("spec", "inference", "replicas"))]
    if inference.autoscaling is not None:
        for field in ("min_replicas", "max_replicas"):
            number = getattr(inference.autoscaling, field)
            asked.append((number, ("spec", "inference", "autoscaling", field)))
    for number, path in asked:
        if number is not None and number < terms.limit:
            yield Objection(
                f"{path[-1]} {number} is below the environment's floor of {terms.limit}",
                value=str(number),
                path=path,
            )


def _monitoring_enabled(manifest: Manifest, _: Terms) -> Iterator[Objection]:
    monitoring = manifest.spec.monitoring
    if monitoring is None:
        raise NothingToJudge
    if monitoring.enabled is not True:
        yield Objection("monitoring is not enabled: true", path=("spec", "monitoring"))


def _monitoring(field: str, words: str) -> Callable[[Manifest, Terms], Iterator[Objection]]:
    def check(manifest: Manifest, _: Terms) -> Iterator[Objection]:
        monitoring = manifest.spec.monitoring
        if monitoring is None or getattr(monitoring, field) is None:
            yield Objection(
                f"{words} is not given: the environment's default is applied",
                path=("spec", "monitoring"),
            )
        elif getattr(monitoring, field) is not True:
            yield Objection(f"{words} is off", path=("spec", "monitoring", field))

    return check


def _explainability(manifest: Manifest, _: Terms) -> Iterator[Objection]:
    explainability = manifest.spec.explainability
    if explainability is None or not (explainability.method or "").strip():
        yield Objection("no explainability method is given", path=("spec", "explainability"))


def _rollback_observable(manifest: Manifest, _: Terms) -> Iterator[Objection]:
    rollback, monitoring = manifest.spec.rollback, manifest.spec.monitoring
    verification = manifest.spec.verification
    if rollback is None or rollback.automatic is not True:
        raise NothingToJudge
    # An absent section is the environment's default, which alerts and verifies.
    silent = monitoring is not None and False in (monitoring.enabled, monitoring.alerting)
    unverified = verification is not None and verification.samples == 0
    if silent and unverified:
        yield Objection(
            "automatic rollback is asked for, with no alert and no verification to trigger it",
            path=("spec", "rollback", "automatic"),
        )


def _not_acted_on(manifest: Manifest, _: Terms) -> Iterator[Objection]:
    given = [
        (section, field)
        for section, field in WITHOUT_EFFECT
        if getattr(getattr(manifest.spec, section), field, None) is not None
    ]
    if not given:
        raise NothingToJudge
    for section, field in given:
        yield Objection(
            f"{section}.{field} is not acted on by this version of the platform",
            path=("spec", section, field),
        )


RULES: tuple[Rule[Manifest], ...] = (
    Rule(
        id="namespace-present",
        title="Namespace given",
        check=_namespace,
        reason="What has no place of its own lands beside what other people run",
        remediation="Add metadata.namespace, such as ml-inference",
        frameworks=("CIS Kubernetes 1.12: 5.6.4",),
    ),
    Rule(
        "resources-memory-limit",
        "Resources have a memory limit and sound quantities",
        _memory_limit,
        "A model without a memory limit takes its neighbours down with it.",
        "Give inference.resources.limits.memory, such as 512Mi",
        ("CIS Kubernetes 1.12: 5.6", "NSA/CISA 4.1"),
    ),
    Rule(
        "autoscaling-present",
        "Autoscaling given",
        _autoscaling,
        "The author knows the load better than a default does.",
        "Add inference.autoscaling with min_replicas and max_replicas",
        ("Polaris hpaMinAvailability",),
    ),
    Rule(
        "replicas-minimum",
        "At least {threshold} replicas",
        _replicas,
        "Fewer do not survive the loss of a node.",
        "Raise replicas, or autoscaling's min_replicas and max_replicas, to that floor",
        ("Pulumi configureMinimumReplicaCount",),
        has_threshold=True,
    ),
    Rule(
        "monitoring-enabled",
        "Monitoring enabled",
        _monitoring_enabled,
        "A model that nobody watches fails unseen.",
        "Set monitoring.enabled: true, or leave the section out",
        ("NIST AI RMF MEASURE 2.4", "EU AI Act Art. 72"),
    ),
    Rule(
        "monitoring-drift-detection",
        "Drift detection on",
        _monitoring("drift_detection", "drift detection"),
        "Drift is what wears models out.",
        "Set monitoring.drift_detection: true",
        ("NIST AI RMF MEASURE 2.4", "EU AI Act Art. 72"),
    ),
    Rule(
        "monitoring-alerting",
        "Alerting on",
        _monitoring("alerting", "alerting"),
        "A failure that nobody is told of lasts.",
        "Set monitoring.alerting: true",
        ("NIST AI RMF MANAGE 4.1", "EU AI Act Art. 72"),
    ),
    Rule(
        "explainability-present",
        "Explainability given",
        _explainability,
        "Those who are affected by a decision may ask for its reasons.",
        "Add explainability.method, such as shap",
        ("NIST AI RMF MEASURE 2.9", "EU AI Act Art. 13"),
    ),
    Rule(
        "rollback-observable",
        "Automatic rollback has a trigger",
        _rollback_observable,
        "A rollback that nothing can trigger is a promise that nobody keeps.",
        "Turn on monitoring.alerting or verification, or set rollback.automatic: false",
        ("NIST AI RMF MANAGE 2.4",),
    ),
    Rule(
        "field-acted-on",
        "What is asked for is acted on",
        _not_acted_on,
        "What has no effect should be known to have none.",
        "Remove the field, or keep it for a later version of the platform",
        ("EU AI Act Art. 13",),
    ),
)
