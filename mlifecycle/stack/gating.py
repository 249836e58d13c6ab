"""What a stack's gate needs, for the program and for `mlifecycle scan` alike."""

import hashlib
import os
from pathlib import Path

from mlifecycle.artifact import Artifact, ArtifactError, inspect_artifact
from mlifecycle.dependencies.pins import exact_pins
from mlifecycle.dependencies.store import LockStore
from mlifecycle.digests import folder_digest
from mlifecycle.gate import Dependencies, GateSettings
from mlifecycle.governance.governance import Governance
from mlifecycle.image.names import BuildInputs
from mlifecycle.manifest.schema import Manifest
from mlifecycle.security.image_scan import Scanners
from mlifecycle.stack.settings import StackSettings

# Relative to the checkout, in which the program runs.
SERVER = Path("inference")
SHIPPED_SOURCE = SERVER / "app"
BUILDER = Path("mlifecycle") / "image"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mlifecycle"


def context_digest() -> str:
    """64 hex digits over what all images are built of: the server, and the code that builds."""
    parts = f"{folder_digest(SERVER)} {folder_digest(BUILDER)}"
    return hashlib.sha256(parts.encode()).hexdigest()


def gate_settings(settings: StackSettings, governance: Governance) -> GateSettings:
    """The gate of a stack on this machine."""
    scanners = Scanners(
        builder=settings.builder,
        registry=settings.registry,
        trivy_database=settings.trivy_database,
        grype_database=settings.grype_database,
        seconds=settings.scan_timeout_seconds,
        server_source=SERVER,
        cache=CACHE,
    )
    return GateSettings(settings.environment, governance, scanners)


def stored_artifact(manifest: Manifest, settings: StackSettings) -> Artifact | str:
    """What the store holds for a model, or the reason why it cannot be released."""
    try:
        return inspect_artifact(manifest.spec.model.uri, settings.model_store)
    except ArtifactError as error:
        return str(error)


def dependencies_of(manifest: Manifest, locks: LockStore) -> Dependencies:
    """What a model's dependencies are locked to; what cannot be locked is the gate's finding.

    Raises:
        ToolError: the registry does not answer.
    """
    named = manifest.spec.dependencies
    return Dependencies(tuple(exact_pins(named)), locks.lock_of(named))


def build_inputs(
    manifest: Manifest, artifact: Artifact | str, base_image: str, context: str
) -> BuildInputs | str:
    """What a model's image is made of, or the reason why there can be none.

    Args:
        base_image: by digest.
        context: as `context_digest`.
    """
    if isinstance(artifact, str):
        return artifact
    model = manifest.spec.model
    return BuildInputs(
        artifact_digest=artifact.digest,
        golden_digest=artifact.golden_digest,
        context_digest=context,
        base_image=base_image,
        uri=model.uri,
        model=model.name,
        version=model.version,
    )
