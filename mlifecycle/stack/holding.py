"""Manifests that are held back: which of a stack's are, and how one comes to be, or is no more."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlifecycle.ledger.record import Record, RecordError, Release, manifest_digest
from mlifecycle.ledger.store import Ledger
from mlifecycle.manifest.loading import LoadedManifest
from mlifecycle.manifest.plain import to_plain
from mlifecycle.manifest.schema import Manifest
from mlifecycle.stack.recording import SECRETS, record_of
from mlifecycle.stack.settings import StackSettings

REASON_CHARACTERS = 500
# What a model is made of in a cluster (components/model_deployment.py).
MODEL_OBJECTS = (
    *(f"kubernetes:core/v1:{kind}" for kind in ("ServiceAccount", "Service")),
    *(f"kubernetes:networking.k8s.io/v1:{kind}" for kind in ("Ingress", "NetworkPolicy")),
    "kubernetes:apps/v1:Deployment",
    "kubernetes:autoscaling/v2:HorizontalPodAutoscaler",
    "kubernetes:policy/v1:PodDisruptionBudget",
    SECRETS,
)


@dataclass(frozen=True)
class Hold:
    """A manifest that failed, and is not released again before it changes.

    Attributes:
        reason: why it failed.
        release: what runs meanwhile; None where nothing did before it.
    """

    reason: str
    release: Release | None


def holds_of(
    loaded: Iterable[LoadedManifest],
    ledger: Ledger,
    settings: StackSettings,
    released: Mapping[str, Collection[str]],
) -> dict[str, Hold]:
    """The holds of just these manifests, by model; one that has changed is held no more.

    Args:
        released: the images that the stack's state knows as released, by model.

    Raises:
        ToolError: the registry does not answer, or what is to run is torn, changed, or not what
            this stack could have released.
    """
    last, found = ledger.last(), {}
    for item in loaded:
        name = item.manifest.metadata.name
        record = last.get(name)
        if record and record.held and record.held == manifest_digest(to_plain(item.manifest)):
            stands = ledger.standing(record)
            release = stands.release if stands else None
            if release:
                _require_own(name, release, settings, released.get(name, ()))
            found[name] = Hold(record.reason, release)
    return found


def _require_own(
    name: str, release: Release, settings: StackSettings, released: Collection[str]
) -> None:
    """Whoever may write to the registry can write a record: so it may say nothing that the stack's
    own state and settings do not bear out. What the pods may do is judged where they are made.
    """
    if release.image not in released:
        raise RecordError(f"{name}: the ledger names {release.image}, which was not released here")
    namespace = settings.namespace_of(release.manifest)
    for item in release.objects:
        metadata = item["inputs"].get("metadata") or {}
        if item["type"] not in MODEL_OBJECTS or metadata.get("namespace") != namespace:
            what = f"{item['type']} {metadata.get('name')} in {metadata.get('namespace')}"
            raise RecordError(f"{name}: the ledger names {what}, which is no part of a model")


def effective(loaded: Iterable[LoadedManifest], holds: Mapping[str, Hold]) -> list[Manifest]:
    """The manifests of what is to run: an earlier one where one is held back."""
    found = []
    for item in loaded:
        hold = holds.get(item.manifest.metadata.name)
        if hold is None:
            found.append(item.manifest)
        elif hold.release is not None:
            found.append(hold.release.manifest)
    return found


def hold_back(
    manifests: Sequence[Manifest], failure: str, ledger: Ledger, root: Path
) -> dict[str, Record]:
    """Hold back the manifests of models that did not answer as they must.

    Args:
        failure: what was said of them.

    Returns:
        the record of each, which names what runs from here on.

    Raises:
        ToolError: as the ledger.
    """
    last, held = ledger.last(), {}
    models = tuple(sorted({*last, *(manifest.metadata.name for manifest in manifests)}))
    for manifest in manifests:
        name = manifest.metadata.name
        before = last.get(name)
        stands = ledger.standing(before) if before else None
        record = record_of(
            *("hold", ledger.stack, name, root),
            models=models,
            version=manifest.spec.model.version,
            held=manifest_digest(to_plain(manifest)),
            to=stands.tag if stands else "",
            reason=_reason(failure, name),
        )
        held[name] = ledger.append(record)
    return held


def returned(held: Record, ledger: Ledger, root: Path) -> Record:
    """Record that what ran before runs again, and answers as it must."""
    stands = ledger.standing(held)
    return ledger.append(
        record_of(
            *("rollback", ledger.stack, held.model, root),
            models=held.models,
            held=held.held,
            to=held.to,
            reason=held.reason,
            version=stands.version if stands else "",
            image=stands.image if stands else "",
        )
    )


def release_again(model: str, reason: str, ledger: Ledger, root: Path) -> str:
    """End a hold, so that the next run tries the manifest once more; what is to be said.

    Raises:
        ToolError: as the ledger.
    """
    before = ledger.last().get(model)
    if before is None or not before.held:
        return ""
    ledger.append(
        record_of(
            *("retry", ledger.stack, model, root),
            models=before.models,
            to=before.to,
            reason=reason,
            version=before.version,
        )
    )
    return f"{model}: the next `mlifecycle up --stack {ledger.stack}` releases its manifest again"


def _reason(failure: str, model: str) -> str:
    """The line of the failure that says why, for that model."""
    block = failure.partition(f"{model}\n")[2] or failure
    match = re.search(r"^Error: (.*)$", block, re.MULTILINE)
    return (match[1] if match else block.strip().partition("\n")[0])[:REASON_CHARACTERS]
