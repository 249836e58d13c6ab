"""The gate of a real stack, without an engine around it."""

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mlifecycle.dependencies.lock import NO_LOCK, Lock
from mlifecycle.gate import Candidate, Dependencies, GateRefusal, GateSettings, Passed, pass_gate
from mlifecycle.governance.context import Context
from mlifecycle.governance.evaluation import Evaluation
from mlifecycle.image.names import BuildInputs, OsPatches
from tests.sandbox import Platform

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

    def with_scanners(self, **changes: Any) -> "Gate":
        """The same with other scanners or settings of them."""
        scanners = replace(self.settings.scanners, **changes)
        return replace(self, settings=replace(self.settings, scanners=scanners))
