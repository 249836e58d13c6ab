"""`mlifecycle scan`: the gate of a stack, by hand, for the manifests of some files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mlifecycle.gate import GateRefusal, Passed, pass_gate
from mlifecycle.governance.context import Context
from mlifecycle.governance.evaluation import evaluate
from mlifecycle.governance.governance import load_governance
from mlifecycle.manifest.loading import LoadedManifest, load_paths
from mlifecycle.report.governance import refusal_text
from mlifecycle.security.repository import Repository, repository_refusal
from mlifecycle.stack.gating import CACHE, SHIPPED_SOURCE, gated_stack, materials_of
from mlifecycle.stack.running import context_of
from mlifecycle.stack.settings import StackSettings


@dataclass(frozen=True)
class GatedModel:
    """One model, and what its gate says: what passed, or why it does not.

    Attributes:
        signature: what the artifact's own one is worth; empty where nobody has looked.
    """

    model: str
    version: str
    outcome: Passed | str
    signature: str = ""


@dataclass(frozen=True)
class GateReport:
    """All of one call.

    Attributes:
        repository: why nothing may be released from this checkout, empty where nothing is.
    """

    context: Context
    repository: str
    models: tuple[GatedModel, ...]

    @property
    def refused(self) -> bool:
        """Whether something may not be released."""
        return bool(self.repository) or any(isinstance(item.outcome, str) for item in self.models)


def scan(files: Sequence[Path], stack: str, settings: StackSettings) -> GateReport:
    """Pass the stack's gate with each manifest of the files; nothing is pushed or deployed.

    Raises:
        ManifestError, OwnersFileError, ContextError: what is judged, or what judges, is unusable.
        ToolError: the registry or the stack's state cannot be read.
    """
    loaded = load_paths(files)
    governance = load_governance()
    governance.require_environment(settings.environment)
    context = context_of(stack, settings)
    gated_by = gated_stack(stack, settings, governance, context)

    def gated(item: LoadedManifest) -> GatedModel:
        manifest, model = item.manifest, item.manifest.spec.model
        evaluation = evaluate(manifest, settings.environment, governance, context, item.lines())
        outcome: Passed | str
        signature = ""
        if evaluation.refused:
            outcome = refusal_text(model.name, str(item.file), evaluation.findings)
        else:
            found = materials_of(manifest, gated_by)
            signature = "" if isinstance(found.artifact, str) else found.artifact.signature
            try:
                outcome = pass_gate(found.candidate(evaluation), context, gated_by.gate)
            except GateRefusal as error:
                outcome = f"{model.name} ({item.file})\n{error}"
        return GatedModel(model.name, model.version, outcome, signature)

    repository = repository_refusal(
        Repository(Path(), SHIPPED_SOURCE, CACHE),
        settings.environment,
        governance,
        context,
        settings.scan_timeout_seconds,
    )
    return GateReport(context, repository, tuple(map(gated, loaded)))
