"""What a stack's gate needs, for the program and for `mlifecycle scan` alike."""

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from mlifecycle.artifact import Artifact, ArtifactError, inspect_artifact
from mlifecycle.artifact.signature import load_signers
from mlifecycle.base_image import BaseImage, BaseImages
from mlifecycle.dependencies.lock import NO_LOCK
from mlifecycle.dependencies.pins import exact_pins
from mlifecycle.dependencies.store import LockStore
from mlifecycle.digests import folder_digest
from mlifecycle.formats import FORMATS
from mlifecycle.gate import Candidate, Dependencies, GateSettings
from mlifecycle.governance.context import Context, RunningRelease, judged_as
from mlifecycle.governance.evaluation import Evaluation, is_standing
from mlifecycle.governance.governance import Governance
from mlifecycle.governance.owners_file import POLICY_PACK
from mlifecycle.image import names
from mlifecycle.image.context import server_digests
from mlifecycle.image.names import BuildInputs
from mlifecycle.manifest.schema import Manifest
from mlifecycle.process import ToolError
from mlifecycle.release.admission import KEPT_RELEASES
from mlifecycle.release.publication import Destination, is_published
from mlifecycle.security.image_scan import Scanners, used
from mlifecycle.security.layouts import prune_layouts
from mlifecycle.security.signing import StatementSigner
from mlifecycle.stack.settings import PROJECT, StackSettings, setting_error
from mlifecycle.stack.stack_file import stack_names

# Relative to the checkout, in which the program runs.
SERVER = Path("inference")
SHIPPED_SOURCE = SERVER / "app"
BUILDER = Path("mlifecycle") / "image"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mlifecycle"


@cache
def context_digest(format_name: str) -> str:
    """64 hex digits over what all images of a format are built of, and over what builds them."""
    item = FORMATS[format_name]
    parts = [f"{folder_digest(BUILDER)}  {BUILDER}", *server_digests(SERVER, item.runtime)]
    parts += item.system_packages
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


@dataclass(frozen=True)
class GatedStack:
    """A stack on this machine: what all of its models are gated by and made of.

    Attributes:
        scanned_by: as `Evidence.scanned_by`; empty where a scanner does not say its version, which
            the gate refuses.
        records: the newest record of each model in the ledger, by tag.
    """

    name: str
    settings: StackSettings
    context: Context
    gate: GateSettings
    base_images: BaseImages
    base_image: BaseImage
    locks: LockStore
    scanned_by: str
    records: Mapping[str, str] = field(default_factory=dict)

    def alias(self, version: str) -> str:
        """The tag by which people name a released version; empty where the stack sets none."""
        return self.settings.alias(version, self.name)

    def kept(self, model: str) -> dict[str, Any]:
        """What the outputs of a model's component keep for later runs (`StackState`)."""
        return {"judged": self._judged(model), "record": self.records.get(model, "")}

    def _judged(self, model: str) -> list[str]:
        """The manifests that it has run verified, as `judged_as` has them, the newest first."""
        running = (self.context.running or {}).get(model)
        found = list(self.context.judged.get(model, ()))
        if running and running.manifest and running.environment:
            found.insert(0, judged_as(running.manifest, running.environment))
        return list(dict.fromkeys(found))[:KEPT_RELEASES]

    def destination(self, inputs: BuildInputs) -> Destination:
        """Where a model's images are published."""
        return Destination(
            names.repository(self.settings.registry, inputs.model),
            self.alias(inputs.version),
            self.scanned_by,
            self.gate.scanners.signer,
            self.gate.policy_digest,
        )


@dataclass(frozen=True)
class Materials:
    """What a model is released from.

    Attributes:
        artifact: what its store holds, or the reason why that cannot be released.
        inputs: what its image is made of, or the reason why there can be none.
        is_unchanged: whether the stack runs just this.
        is_owed: whether the registry lacks something of a release that runs and does not change.
    """

    artifact: Artifact | str
    dependencies: Dependencies
    inputs: BuildInputs | str
    is_unchanged: bool = False
    is_owed: bool = False

    def candidate(self, evaluation: Evaluation) -> Candidate:
        """What the gate judges, with what governance says of the manifest."""
        scans = () if isinstance(self.artifact, str) else self.artifact.scans
        return Candidate(evaluation, self.inputs, self.dependencies, scans, self.is_unchanged)


REFUSED = Materials("refused", Dependencies((), NO_LOCK), "refused")


def gated_stack(
    name: str, settings: StackSettings, governance: Governance, context: Context
) -> GatedStack:
    """The gate of a stack on this machine.

    Raises:
        SettingsError: a key is none.
        ToolError: the registry does not answer.
    """
    signer = signer_of(name, settings)
    try:
        load_signers(settings.model_store.signers)
    except (ValueError, TypeError, AttributeError) as error:
        raise setting_error(name, "modelSigners", error) from error
    scanners = Scanners(
        builder=settings.builder,
        registry=settings.registry,
        signer=signer,
        trivy_database=settings.trivy_database,
        grype_database=settings.grype_database,
        seconds=settings.scan_timeout_seconds,
        server_source=SERVER,
        cache=CACHE,
    )
    prune_layouts(CACHE)
    bases = BaseImages(scanners.patches, settings.builder)
    return GatedStack(
        name,
        settings,
        context,
        GateSettings(settings.environment, governance, scanners, folder_digest(POLICY_PACK)),
        bases,
        bases.of(settings.base_image),
        LockStore(settings.registry, CACHE),
        _scanned_by(scanners),
    )


def signer_of(stack: str, settings: StackSettings) -> StatementSigner | None:
    """The stack's own key; None where it has none.

    Raises:
        SettingsError: the key is none.
    """
    try:
        return StatementSigner.of_key(settings.signing_key) if settings.signing_key else None
    except ValueError as error:
        raise setting_error(stack, "signingKey", error) from error


def _scanned_by(scanners: Scanners) -> str:
    try:
        return used(scanners)
    except ToolError:
        return ""


def materials_of(manifest: Manifest, stack: GatedStack) -> Materials:
    """What a model is released from; what is wrong with it is the gate's finding.

    Raises:
        ToolError: the registry does not answer.
    """
    named, model = manifest.spec.dependencies, manifest.spec.model
    dependencies = Dependencies(tuple(exact_pins(named)), stack.locks.lock_of(named))
    if problem := _clash(model.version) or _keyless(manifest, stack.settings):
        return Materials(problem, dependencies, problem)
    try:
        artifact = inspect_artifact(model.uri, stack.settings.model_store, CACHE)
    # A full disk, say, stops one model and not the run.
    except (ArtifactError, OSError) as error:
        return Materials(str(error), dependencies, str(error))
    inputs = BuildInputs(
        artifact_digest=artifact.digest,
        golden_digest=artifact.golden_digest,
        context_digest=context_digest(artifact.format.name),
        base_image=stack.base_image.reference,
        os_patches=stack.base_image.patches,
        uri=artifact.uri,
        format_name=artifact.format.name,
        model_file=artifact.model,
        files=artifact.files,
        model=model.name,
        version=model.version,
    )
    running = (stack.context.running or {}).get(model.name)
    if running is None or running.build != inputs.digest():
        return Materials(artifact, dependencies, inputs)
    is_unchanged = running.lock == dependencies.lock.digest and is_standing(
        manifest, stack.settings.environment, stack.context
    )
    return Materials(
        artifact, dependencies, inputs, is_unchanged, _is_owed(inputs, running, dependencies, stack)
    )


def _clash(version: str) -> str:
    """Why a version cannot be named: another stack's alias of another version reads like it."""
    if re.search(r"-[0-9a-f]{12}$", version.partition("+")[0]):
        return f"version {version} reads as the tag of a build: choose another pre-release"
    for stack in stack_names():
        other = version.partition("+")[0].removesuffix(f"-{stack}")
        if other != version.partition("+")[0]:
            return (
                f"version {version} reads as what stack {stack} calls its {other}: choose another"
                " pre-release"
            )
    return ""


def _keyless(manifest: Manifest, settings: StackSettings) -> str:
    """Why nobody could call a model that only callers with a key may call."""
    inference, name = manifest.spec.inference, manifest.spec.model.name
    if inference is None or inference.auth is None or settings.api_keys.get(name):
        return ""
    return (
        f"inference.auth is {inference.auth}, and the stack has no key for {name}: set"
        f' `{PROJECT}:apiKeys` (docs/serving.md), a JSON object {{"{name}": ["..."]}}'
    )


def _is_owed(
    inputs: BuildInputs, running: RunningRelease, dependencies: Dependencies, stack: GatedStack
) -> bool:
    digest = (running.image or "").partition("@")[2]
    is_kept = dependencies.lock.is_kept and stack.base_image.is_kept
    return not (is_kept and is_published(inputs, digest, stack.destination(inputs)))
