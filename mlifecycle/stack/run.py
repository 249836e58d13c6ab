"""One run on a stack: preview and update by one context, then what runs is asked and registered."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

from mlifecycle.artifact import Signature, inspect_artifact
from mlifecycle.governance.context import CONTEXT_VARIABLE, Context
from mlifecycle.ledger.store import Ledger
from mlifecycle.manifest.loading import LoadedManifest
from mlifecycle.manifest.schema import Manifest
from mlifecycle.process import ToolError
from mlifecycle.release.registration import CHAMPION, Registration, register
from mlifecycle.release.verification import Verification, verify_release
from mlifecycle.stack.engine import Engine, Run
from mlifecycle.stack.events import Report
from mlifecycle.stack.gating import CACHE
from mlifecycle.stack.recording import commit_of, keep_releases, ledger_of, who_runs_this
from mlifecycle.stack.running import context_of
from mlifecycle.stack.settings import PROJECT, StackSettings, manifests_of, read_settings
from mlifecycle.stack.target import target_of
from mlifecycle.stack.telling import outstanding, tell
from mlifecycle.tracking import TrackingError

DIGEST_CHARACTERS = 12


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
class StackRun:
    """A stack, its engine and its ledger, for one command.

    Attributes:
        root: the checkout.
        report: takes each line of progress.
        pinned: the models that stay as they are, each with the reason.
    """

    stack: str
    settings: StackSettings
    engine: Engine
    ledger: Ledger
    root: Path
    report: Report
    pinned: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, stack: str, engine: Engine, root: Path, report: Report) -> Self:
        """The run of a stack as its settings have it.

        Raises:
            EngineError, SettingsError: they cannot be had, or are unusable.
        """
        settings = settings_of(stack, engine)
        return cls(stack, settings, engine, ledger_of(stack, settings), root, report)

    def loaded(self) -> list[LoadedManifest]:
        """Every manifest of the stack's folders.

        Raises:
            ManifestError, SettingsError: one is unusable.
        """
        return manifests_of(self.stack, self.settings, self.root)

    @contextmanager
    def context(self) -> Iterator[Context]:
        """Today, the waivers and what runs now, the same for preview, update and policy pack.

        Raises:
            ContextError, OwnersFileError, ToolError: it cannot be had.
        """
        before = os.environ.get(CONTEXT_VARIABLE)
        found = context_of(self.stack, self.settings)
        context = found.model_copy(update={"pinned": {**found.pinned, **self.pinned}})
        with TemporaryDirectory() as folder:
            file = Path(folder) / "context.json"
            file.write_text(context.model_dump_json())
            os.environ[CONTEXT_VARIABLE] = str(file)
            try:
                yield context
            finally:
                del os.environ[CONTEXT_VARIABLE]
                if before:
                    os.environ[CONTEXT_VARIABLE] = before

    def preview(self) -> Run:
        """As the engine's, told.

        Raises:
            EngineError: as the engine.
        """
        found = self.engine.preview()
        self.report(f"  {found.changed} to change ({found.seconds:.1f} s)")
        return found

    def update(self, words: str) -> Run:
        """As the engine's, told. Also where nothing changes: a lock that a killed engine left is
        noticed, and taken away.

        Args:
            words: for the stack's history; by whom, and from which commit, is added.

        Raises:
            EngineError: as the engine.
        """
        self.report(f"updating stack {self.stack}")
        commit = commit_of(self.root)
        place = f" at commit {commit[:DIGEST_CHARACTERS]}" if commit else ""
        return self.engine.up(f"{words}{place} by {who_runs_this()}", self.report)

    def keep_running(self, context: Context) -> None:
        """Put what runs on record, before anything may have to return to it. How it was verified,
        only its own run knew.

        Raises:
            ToolError: state or registry do not answer.
        """
        running = (context.running or {}).items()
        whole: dict[str, dict[str, Any]] = {name: {} for name, item in running if item.image}
        keep_releases(self.ledger, whole, self.root, self.settings, "found running")

    def tell(self) -> None:
        """Tell what is still to be told; what cannot be is reported, and the next run does it."""
        try:
            left = outstanding(tell(self.ledger, self.settings, self.root))
        except ToolError as error:
            left = [str(error)]
        for words in left:
            self.report(f"outstanding, the next run does it: {words}")

    def verified(self, manifests: Iterable[Manifest]) -> tuple[ReleasedModel, ...]:
        """Ask each model that the stack has released, and register it.

        Raises:
            VerificationError: one does not answer as its samples say.
            ArtifactError: the model store does not show what it is measured by.
            EngineError: the stack's outputs cannot be had.
        """
        self.report("verifying what runs")
        outputs = self.engine.outputs()
        return tuple(self._verified(manifest, outputs) for manifest in manifests)

    def _verified(self, manifest: Manifest, outputs: Mapping[str, Any]) -> ReleasedModel:
        name = manifest.metadata.name
        output = outputs["models"][name]
        artifact = inspect_artifact(manifest.spec.model.uri, self.settings.model_store, CACHE)
        verification = verify_release(target_of(manifest, self.settings), artifact.golden)
        release = Registration(
            stack=self.stack,
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
            registered=_registered(release, self.settings.model_store.tracking_uri),
        )


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


def words_of(manifests: Iterable[Manifest], outputs: Mapping[str, Any]) -> str:
    """Models with versions, and the first digits of their images' digests where these are known.

    Args:
        outputs: the stack's.
    """
    models = outputs.get("models")
    images = models if isinstance(models, Mapping) else {}

    def words(manifest: Manifest) -> str:
        found = images.get(manifest.metadata.name)
        image = found.get("image") if isinstance(found, Mapping) else None
        digest = str(image or "").partition("@")[2][: len("sha256:") + DIGEST_CHARACTERS]
        told = f"{manifest.metadata.name} {manifest.spec.model.version}"
        return f"{told} ({digest})" if digest else told

    return ", ".join(map(words, manifests)) or "no model"


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
