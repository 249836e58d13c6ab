"""Manifests that are held back, and what runs in their place: read before every run."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from mlifecycle.governance.context import Context
from mlifecycle.ledger.record import Record, RecordError, Release
from mlifecycle.ledger.store import Ledger
from mlifecycle.manifest.loading import LoadedManifest
from mlifecycle.manifest.plain import manifest_digest, to_plain
from mlifecycle.manifest.schema import Manifest
from mlifecycle.stack.by_hand import BY_HAND, returned_by_hand
from mlifecycle.stack.recording import DEPLOYMENT, SECRETS
from mlifecycle.stack.settings import StackSettings

# What a model is made of in a cluster (components/model_deployment.py).
MODEL_OBJECTS = (
    *(f"kubernetes:core/v1:{kind}" for kind in ("ServiceAccount", "Service")),
    *(f"kubernetes:networking.k8s.io/v1:{kind}" for kind in ("Ingress", "NetworkPolicy")),
    DEPLOYMENT,
    "kubernetes:autoscaling/v2:HorizontalPodAutoscaler",
    "kubernetes:policy/v1:PodDisruptionBudget",
    SECRETS,
)


@dataclass(frozen=True)
class Hold:
    """A manifest that is not released; what was released before it stays as it is.

    Attributes:
        reason: why.
        release: what runs meanwhile; None where nothing did before it.
        by_hand: the record of that release where somebody returned to it in the cluster itself.
    """

    reason: str
    release: Release | None
    by_hand: Record | None = None


def holds_of(
    loaded: Iterable[LoadedManifest], ledger: Ledger, settings: StackSettings, context: Context
) -> dict[str, Hold]:
    """The holds of just these manifests, by model; one that has changed is held no more.

    Raises:
        ToolError: the registry does not answer, or what is to run is torn, changed, or not what
            this stack could have released.
    """
    ledger.require(context.records.values())
    last, found, free = ledger.last(), {}, []
    for item in loaded:
        name = item.manifest.metadata.name
        record = last.get(name)
        held = record is not None and record.held == manifest_digest(to_plain(item.manifest))
        if held or name in context.pinned:
            stands = ledger.standing(record)
            reason = record.reason if record and held else context.pinned[name]
            found[name] = Hold(reason, stands.release if stands else None)
        else:
            free.append(item)
    for name, record in returned_by_hand(free, ledger, settings, context).items():
        found[name] = Hold(BY_HAND, record.release, record)
    for name, hold in found.items():
        if hold.release:
            _require_own(name, hold.release, settings, context.released.get(name, ()))
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
