"""What a stack runs, and what is owed: from its state, the cluster, the registry and MLflow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlifecycle.artifact import ArtifactError, inspect_artifact
from mlifecycle.governance.context import Context
from mlifecycle.governance.waivers import Waiver
from mlifecycle.image import names
from mlifecycle.ledger.record import Record
from mlifecycle.release.registration import CHAMPION, champion_of
from mlifecycle.stack.gating import CACHE
from mlifecycle.stack.live import deployments_of, image_of
from mlifecycle.stack.recording import ledger_of
from mlifecycle.stack.running import Resource, context_of, name_of, resources_of
from mlifecycle.stack.settings import MODEL_DEPLOYMENT, StackSettings
from mlifecycle.stack.telling import Owed, owed
from mlifecycle.stack.telling import outstanding as words_of
from mlifecycle.tracking import TrackingError


@dataclass(frozen=True)
class ModelStatus:
    """One model of a stack.

    Attributes:
        version, image, deployed_at: of what was verified last; empty where nothing was.
        runs: the image that the cluster runs; empty where it runs none.
        wanted, ready: pods.
        by, commit: who released it, from where; as the ledger has it.
        verified: when it was recorded as verified.
        signature: what the artifact's own is worth.
        waivers: those that hold for it, with the days that they have left.
        held: why its manifest is held back; empty where it is not.
        outstanding: what the next `mlifecycle up` does.
    """

    model: str
    version: str = ""
    image: str = ""
    deployed_at: str = ""
    runs: str = ""
    wanted: int = 0
    ready: int = 0
    by: str = ""
    commit: str = ""
    verified: str = ""
    signature: str = ""
    waivers: tuple[tuple[str, int], ...] = ()
    held: str = ""
    outstanding: tuple[str, ...] = ()

    @property
    def is_well(self) -> bool:
        """Whether all of its pods are ready with what was verified, and nothing is owed."""
        is_ready = self.wanted > 0 and self.ready == self.wanted
        return is_ready and self.runs == self.image and not self.outstanding


def status_of(stack: str, settings: StackSettings) -> list[ModelStatus]:
    """Every model of the stack, by name.

    Raises:
        ToolError: state or registry do not answer.
        ContextError, OwnersFileError: the waivers cannot be used.
    """
    resources = resources_of(stack)
    models = {name_of(i): i for i in resources.values() if i["type"] == MODEL_DEPLOYMENT}
    ledger = ledger_of(stack, settings)
    namespaces = {
        name: str((model.get("outputs") or {}).get("namespace") or "")
        for name, model in models.items()
    }
    known = _Known(
        stack,
        settings,
        context_of(stack, settings),
        deployments_of(namespaces, settings.kube_context),
        ledger.last(),
        owed(ledger) if settings.notify_channels else (),
    )
    return [_status(known, name, models[name]) for name in sorted(models)]


@dataclass(frozen=True)
class _Known:
    """What was asked once, for all models."""

    stack: str
    settings: StackSettings
    context: Context
    deployments: Mapping[str, Mapping[str, Any]]
    records: Mapping[str, Record]
    owed: Sequence[Owed]


def _status(known: _Known, name: str, model: Resource) -> ModelStatus:
    release = (known.context.running or {}).get(name)
    record = known.records.get(name)
    version = release.version if release else ""
    image = (release.image if release else None) or ""
    deployment = known.deployments.get(name, {})
    status, spec = deployment.get("status") or {}, deployment.get("spec") or {}
    outstanding = []
    if not image:
        outstanding.append("verification: what was tried last did not end well")
    if record is None or record.image != image:
        outstanding.append("its record in the ledger")
    if words := _unregistered(known, name, version):
        outstanding.append(words)
    outstanding += words_of(item for item in known.owed if item.record.model == name)
    return ModelStatus(
        model=name,
        version=version,
        image=image,
        deployed_at=(release.deployed_at if release else None) or "",
        runs=image_of(deployment),
        wanted=int(spec.get("replicas", 0)),
        ready=int(status.get("readyReplicas", 0)),
        by=record.by if record else "",
        commit=record.commit if record else "",
        verified=record.at if record else "",
        signature=_signature(model, known.settings),
        waivers=tuple(
            (waiver.finding, waiver.days_left(known.context.date))
            for waiver in known.context.waivers
            if waiver.holds(known.context.date) and _is_for(waiver, name, version, image)
        ),
        held=(record.reason or "without a reason") if record and record.held else "",
        outstanding=tuple(outstanding),
    )


def _unregistered(known: _Known, name: str, version: str) -> str:
    tracking_uri = known.settings.model_store.tracking_uri
    if not tracking_uri or not version:
        return ""
    alias = names.alias(CHAMPION, known.stack, known.settings.environment)
    try:
        found = champion_of(name, alias, tracking_uri)
    except TrackingError as error:
        return f"registration: {error}"
    return "" if found == version else f"registration: {alias} is {found or 'nothing'}"


def _signature(model: Resource, settings: StackSettings) -> str:
    try:
        uri = model["inputs"]["manifest"]["spec"]["model"]["uri"]
        return inspect_artifact(uri, settings.model_store, CACHE).signature
    except (ArtifactError, KeyError, TypeError):
        return "unknown: the model store does not show the model"


def _is_for(waiver: Waiver, name: str, version: str, image: str) -> bool:
    """Those for a base image are for all models, and told by `mlifecycle waivers`."""
    if waiver.model != name:
        return False
    return waiver.version == version if waiver.version else waiver.digest == image.partition("@")[2]
