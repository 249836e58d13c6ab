"""`mlifecycle up`: preview, update, verify, and say what happened; a failure is taken back."""

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from mlifecycle.artifact import inspect_artifact
from mlifecycle.governance.context import Context
from mlifecycle.manifest.loading import LoadedManifest
from mlifecycle.manifest.schema import Manifest
from mlifecycle.release.verification import Verification, VerificationError, verify_release
from mlifecycle.stack.by_hand import BY_HAND
from mlifecycle.stack.drift import refresh_what_drifted
from mlifecycle.stack.engine import Engine, EngineError, Run
from mlifecycle.stack.events import Report
from mlifecycle.stack.gating import CACHE
from mlifecycle.stack.holding import hold, keep_refusals, returned
from mlifecycle.stack.holds import Hold, effective, holds_of
from mlifecycle.stack.recording import keep_releases, ledger_of
from mlifecycle.stack.returning import return_failed
from mlifecycle.stack.run import ReleasedModel, StackRun, words_of
from mlifecycle.stack.running import context_of
from mlifecycle.stack.settings import StackSettings, manifests_of
from mlifecycle.stack.target import target_of


class UnknownModelError(Exception):
    """No manifest of the stack has such a model; the message says which there are."""


@dataclass(frozen=True)
class ReleaseResult:
    """What `release` did.

    Attributes:
        recorded: how many records were added to the ledger.
        refused: the models that gate or policies refused, each with why: they stay as they were.
    """

    preview: Run
    update: Run
    verification_seconds: float
    models: tuple[ReleasedModel, ...]
    recorded: int = 0
    refused: Mapping[str, str] = field(default_factory=dict)


def release(stack: str, engine: Engine, root: Path, report: Report) -> ReleaseResult:
    """Preview, update and verify the stack; a model that fails returns to what ran before.

    Raises:
        EngineError: preview or update failed, and what failed was returned, or could not be.
        VerificationError: a model that the stack holds does not answer as its samples say.
        ManifestError, SettingsError, ArtifactError: what the release is made of is unusable.
    """
    run = StackRun.of(stack, engine, root, report)
    try:
        return _release(run)
    finally:
        run.tell()


def _release(run: StackRun) -> ReleaseResult:
    loaded, refused = run.loaded(), {}
    with run.context() as context:
        run.keep_running(context)
        holds = holds_of(loaded, run.ledger, run.settings, context)
        _hold_what_was_returned_by_hand(loaded, holds, run)
        names = [item.manifest.metadata.name for item in loaded]
        refresh_what_drifted([name for name in names if name not in holds], run, context)
        words = words_of(effective(loaded, holds), {})
        run.report(f"previewing stack {run.stack} ({run.settings.environment}): {words}")
        try:
            preview = run.preview()
        except EngineError as error:
            keep_refusals(error.refused, loaded, run.ledger, run.settings, run.root)
            if not error.refused or len(error.refused) == len(loaded):
                raise
            refused = dict(error.refused)
        else:
            updated, manifests = _update(run, loaded, context, preview)
    if refused:
        run.report(f"refused, and left as they are: {', '.join(sorted(refused))}")
        run = replace(run, pinned=dict.fromkeys(refused, "refused in this run"))
        with run.context() as context:
            preview = run.preview()
            updated, manifests = _update(run, loaded, context, preview)
    started = time.monotonic()
    models = run.verified(manifests)
    seconds = time.monotonic() - started
    verified = {model.model: {"samples": model.verification.samples} for model in models}
    records = keep_releases(run.ledger, verified, run.root, run.settings)
    last = run.ledger.last()
    for item in loaded:
        record = last.get(item.manifest.metadata.name)
        # By hand, or by a run that was killed before it could say so.
        if record and record.kind == "hold":
            records.append(returned(item.manifest, record, run.ledger, run.settings, run.root))
    return ReleaseResult(preview, updated, seconds, models, len(records), refused)


def _hold_what_was_returned_by_hand(
    loaded: Sequence[LoadedManifest], holds: Mapping[str, Hold], run: StackRun
) -> None:
    """Record it, so that it stands."""
    for item in loaded:
        held = holds.get(item.manifest.metadata.name)
        if held and held.by_hand:
            hold(item.manifest, held.by_hand, BY_HAND, run.ledger, run.root)


def _update(
    run: StackRun, loaded: Sequence[LoadedManifest], context: Context, preview: Run
) -> tuple[Run, list[Manifest]]:
    """Update the stack by what was previewed; what it released or left."""
    holds = holds_of(loaded, run.ledger, run.settings, context)
    manifests = effective(loaded, holds)
    try:
        return run.update(f"release {words_of(manifests, preview.outputs)}"), manifests
    except EngineError as error:
        failed = [m for m in manifests if m.metadata.name in {*error.unverified} - holds.keys()]
        if failed:
            return_failed(failed, error, run)
        raise


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
    holds = holds_of(loaded, ledger_of(stack, settings), settings, context_of(stack, settings))
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
