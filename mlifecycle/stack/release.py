"""`mlifecycle up`: preview, update, verify, and say what happened."""

import json
import os
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mlifecycle.artifact import Signature, inspect_artifact
from mlifecycle.governance.context import CONTEXT_VARIABLE
from mlifecycle.manifest.schema import Manifest
from mlifecycle.release.registration import CHAMPION, Registration, register
from mlifecycle.release.verification import Verification, VerificationError, verify_release
from mlifecycle.stack.engine import Engine, EngineError, Report, Run
from mlifecycle.stack.gating import CACHE
from mlifecycle.stack.holding import effective, holds_of
from mlifecycle.stack.recording import keep_releases, ledger_of
from mlifecycle.stack.returning import return_failed
from mlifecycle.stack.running import context_of, state_of
from mlifecycle.stack.settings import (
    PROJECT,
    StackSettings,
    manifests_of,
    read_settings,
)
from mlifecycle.stack.target import target_of
from mlifecycle.tracking import TrackingError


class UnknownModelError(Exception):
    """No manifest of the stack has such a model; the message says which there are."""


@dataclass(frozen=True)
class ReleasedModel:
    """One model of the stack, as it was found to run.

    Attributes:
        registered: the alias by which the model registry has it, or why it is outstanding.
    """

    model: str
    version: str
    namespace: str
    image: str
    address: str
    verification: Verification
    signature: Signature
    registered: str


@dataclass(frozen=True)
class ReleaseResult:
    """What `release` did.

    Attributes:
        recorded: how many records were added to the ledger.
    """

    preview: Run
    update: Run
    verification_seconds: float
    models: tuple[ReleasedModel, ...]
    recorded: int = 0


def release(stack: str, engine: Engine, root: Path, report: Report) -> ReleaseResult:
    """Preview, update and verify the stack; a model that fails returns to what ran before.

    Raises:
        EngineError: preview or update failed, and what failed was returned, or could not be.
        VerificationError: a model that the stack holds does not answer as its samples say.
        ManifestError, SettingsError, ArtifactError: what the release is made of is unusable.
    """
    settings = settings_of(stack, engine)
    loaded = manifests_of(stack, settings, root)
    ledger, state = ledger_of(stack, settings), state_of(stack)
    # What runs must be on record before anything may have to return to it; how it was verified,
    # only its own run knew.
    running: dict[str, dict[str, Any]] = {
        name: {} for name, item in state.running.items() if item.image is not None
    }
    keep_releases(ledger, running, root, "found running")
    holds = holds_of(loaded, ledger, settings, state.released)
    manifests = effective(loaded, holds)
    names = ", ".join(f"{m.metadata.name} {m.spec.model.version}" for m in manifests)
    report(f"previewing stack {stack} ({settings.environment}): {names or 'no model'}")

    def update(message: str) -> Run:
        # Also where nothing changes: a lock that a killed engine left is noticed, and taken away.
        report(message)
        return engine.up(message, report)

    def update_anew(message: str) -> None:
        with _one_context(stack, settings):
            update(message)

    try:
        with _one_context(stack, settings):
            preview = engine.preview()
            report(f"  {preview.changed} to change ({preview.seconds:.1f} s)")
            updated = update(f"release {names}")
    except EngineError as error:
        failed = [m for m in manifests if m.metadata.name in {*error.unverified} - holds.keys()]
        if failed:
            return_failed(failed, error, ledger, root, update_anew)
        raise
    report("verifying what runs")
    started = time.monotonic()
    outputs = engine.outputs()
    models = [_verify(manifest, outputs, stack, settings) for manifest in manifests]
    seconds = time.monotonic() - started
    verified = {model.model: {"samples": model.verification.samples} for model in models}
    records = keep_releases(ledger, verified, root)
    return ReleaseResult(preview, updated, seconds, tuple(models), len(records))


def verify(
    stack: str, settings: StackSettings, root: Path, names: Collection[str]
) -> Iterator[tuple[str, Verification | VerificationError]]:
    """How each model of the stack answers now, against what its manifest says; nothing is changed.

    Args:
        names: of the models that are asked; all of them where there is none.

    Raises:
        ManifestError, SettingsError, ArtifactError: what it is measured by is unusable.
        UnknownModelError: no manifest of the stack has a model of that name.
    """
    loaded = manifests_of(stack, settings, root)
    released = state_of(stack).released
    holds = holds_of(loaded, ledger_of(stack, settings), settings, released)
    manifests = {item.metadata.name: item for item in effective(loaded, holds)}
    if unknown := sorted(set(names) - manifests.keys()):
        known = ", ".join(sorted(manifests)) or "none"
        raise UnknownModelError(f"stack {stack} has no model {unknown[0]!r}: it has {known}")
    for name in sorted(names or manifests):
        manifest = manifests[name]
        artifact = inspect_artifact(manifest.spec.model.uri, settings.model_store, CACHE)
        try:
            yield name, verify_release(target_of(manifest, settings), artifact.golden)
        except VerificationError as error:
            yield name, error


@contextmanager
def _one_context(stack: str, settings: StackSettings) -> Iterator[None]:
    """Today, the waivers and what runs now, the same for preview, update and policy pack."""
    if os.environ.get(CONTEXT_VARIABLE):
        yield
        return
    context = context_of(stack, settings)
    with TemporaryDirectory() as folder:
        file = Path(folder) / "context.json"
        file.write_text(context.model_dump_json())
        os.environ[CONTEXT_VARIABLE] = str(file)
        try:
            yield
        finally:
            del os.environ[CONTEXT_VARIABLE]


def settings_of(stack: str, engine: Engine) -> StackSettings:
    """The settings of a stack, as the engine knows them.

    Raises:
        EngineError, SettingsError: they cannot be had, or are unusable.
    """
    configuration = engine.configuration()

    def get(key: str) -> Any:
        item = configuration.get(f"{PROJECT}:{key}")
        value = item and item.value
        # Arrays are JSON there.
        return json.loads(value) if value and value.startswith("[") else value

    def is_encrypted(key: str) -> bool:
        item = configuration.get(f"{PROJECT}:{key}")
        return bool(item and item.secret)

    return read_settings(stack, get, is_encrypted)


def _verify(
    manifest: Manifest, outputs: dict[str, Any], stack: str, settings: StackSettings
) -> ReleasedModel:
    name = manifest.metadata.name
    output = outputs["models"][name]
    artifact = inspect_artifact(manifest.spec.model.uri, settings.model_store, CACHE)
    verification = verify_release(target_of(manifest, settings), artifact.golden)
    release = Registration(
        stack=stack,
        record=outputs["registrations"][name],
        source=artifact.uri,
        artifact_digest=artifact.digest,
        image=output["image"],
    )
    return ReleasedModel(
        model=name,
        version=output["version"],
        namespace=output["namespace"],
        image=output["image"],
        address=output["address"],
        verification=verification,
        signature=artifact.signature,
        registered=_registered(release, settings.model_store.tracking_uri),
    )


def _registered(release: Registration, tracking_uri: str) -> str:
    """That it is, or that it is outstanding: a registry that is away undoes no release, and the
    next run does it.
    """
    if not tracking_uri:
        return "no: the stack names no MLflow server (mlifecycle:mlflowTrackingUri)"
    try:
        register(release, tracking_uri)
    except TrackingError as error:
        return f"outstanding, the next run does it: {error}"
    return f"{release.alias(CHAMPION)} in {tracking_uri}"
