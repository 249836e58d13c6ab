"""The gate of a real stack, without an engine around it."""

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mlifecycle import registry
from mlifecycle.dependencies.lock import NO_LOCK, Lock
from mlifecycle.gate import Candidate, Dependencies, GateRefusal, GateSettings, Passed, pass_gate
from mlifecycle.governance.context import Context
from mlifecycle.governance.evaluation import Evaluation
from mlifecycle.image.names import BuildInputs, OsPatches
from mlifecycle.manifest.loading import load_paths
from mlifecycle.release.publication import Destination
from mlifecycle.security.evidence import Evidence
from mlifecycle.security.image_scan import used
from tests.sandbox import SEED_MANIFEST, Platform

(SEED,) = [item.manifest for item in load_paths([SEED_MANIFEST])]

TODAY = datetime.now(UTC).date()
NO_PATCHES = OsPatches("2026-11-27", hashlib.sha256().hexdigest())
LOCK = Lock("six==1.17.0 \\\n    --hash=sha256:0\n")


@dataclass
class Gate:
    """The gate as a stack of the platform has it, without an engine around it."""

    platform: Platform
    settings: GateSettings
    inputs: BuildInputs
    path: Path

    def passes(
        self, lock: Lock = NO_LOCK, context: Context | None = None, *, is_unchanged: bool = False
    ) -> Passed:
        """Pass it with a model that has this lock.

        Raises:
            GateRefusal: as `pass_gate`.
        """
        candidate = Candidate(
            Evaluation(()), self.inputs, Dependencies((), lock), is_unchanged=is_unchanged
        )
        return pass_gate(candidate, context or Context(date=TODAY), self.settings)

    def refuses(self, lock: Lock = NO_LOCK, context: Context | None = None) -> str:
        """What it says to the model's author."""
        with pytest.raises(GateRefusal) as refusal:
            self.passes(lock, context)
        return str(refusal.value)

    def destination(self, host: str | None = None) -> Destination:
        """Where its image is published: in the stack's registry, or another."""
        scanners = self.settings.scanners
        repository = f"{host or scanners.registry}/{self.inputs.model}/inference-service"
        return Destination(repository, "1.0.0", used(scanners), scanners.signer, "0" * 64)

    def push(self, evidence: Evidence, target: Destination) -> None:
        """Push what was scanned, by its digest and without a name."""
        (layout,) = self.settings.scanners.cache.rglob("layout")
        registry.push_layout(layout, target.repository, evidence.image_digest)

    def with_scanners(self, **changes: Any) -> "Gate":
        """The same with other scanners or settings of them."""
        scanners = replace(self.settings.scanners, **changes)
        return replace(self, settings=replace(self.settings, scanners=scanners))
