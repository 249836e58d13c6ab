"""The gate of one model: passed once in a run, by its hook where something changes."""

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass

import pulumi
from pulumi import ResourceHookBinding

from components.hooks import guarded_hook, in_hook_pool
from mlifecycle.gate import Candidate, GateRefusal, GateSettings, Passed, pass_gate
from mlifecycle.governance.context import Context
from mlifecycle.report.escape import line, terminal
from mlifecycle.report.governance import notice_text, refusal_text
from mlifecycle.security.verdict import databases

# What may run in a gate beside its scans: wheels 600 s, build 900 s, two databases 300 s each; and
# what is settled behind it, another 1200 s.
GATE_SECONDS = 3300
SCANS = 3


@dataclass(frozen=True)
class GateInputs:
    """What a gate judges, and for whom."""

    model: str
    file: str
    candidate: Candidate
    context: Context


class ModelGate:
    """Passes the gate, or refuses, and remembers which.

    Args:
        repository: why nothing may be released from this checkout, empty where nothing is.
    """

    def __init__(
        self, inputs: GateInputs, settings: GateSettings, repository: Callable[[], str]
    ) -> None:
        self._inputs = inputs
        self._settings = settings
        self._repository = repository
        self._lock = threading.Lock()
        self._outcome: Passed | GateRefusal | None = None
        self._settle: Callable[[], None] | None = None

    def hooks(self, settle: Callable[[], None] | None) -> ResourceHookBinding:
        """Before the component is made or changed, in preview too.

        Args:
            settle: what an `up` does when the gate is passed; None where nothing is owed.
        """
        self._settle = settle
        gate = guarded_hook(
            f"gate of {self._inputs.model}",
            self._in_time,
            timeout=GATE_SECONDS + SCANS * self._settings.scanners.seconds,
            on_dry_run=True,
        )
        return ResourceHookBinding(before_create=[gate], before_update=[gate])

    def passed(self) -> Passed:
        """Pass the gate, or find it passed in this run.

        Raises:
            GateRefusal: it does not pass, or did not before in this run.
        """
        with self._lock:
            if self._outcome is None:
                inputs = self._inputs
                try:
                    self._outcome = pass_gate(inputs.candidate, inputs.context, self._settings)
                except GateRefusal as error:
                    self._outcome = error
        if isinstance(self._outcome, GateRefusal):
            raise self._outcome
        return self._outcome

    async def refusal(self, registered: pulumi.Output[str]) -> str:
        """Why the gate refuses the model, empty where it does not.

        Args:
            registered: the component's URN. The gate's hook has run before it is known. Where it
                did not, because nothing changed, the evidence is this machine's, or the gate makes
                it now.
        """
        await registered.future()
        try:
            passed = await in_hook_pool(self.passed)
        except GateRefusal as error:
            return self._worded(error)
        words = f"passed the gate by {databases(passed.evidence.scans)}"
        pulumi.log.info(terminal(f"{self._inputs.model}: {words}"))
        for finding in passed.findings:
            text = notice_text(finding, self._inputs.context.date)
            pulumi.log.warn(terminal(f"{self._inputs.model}: {text}"))
        return ""

    def _worded(self, error: GateRefusal) -> str:
        inputs = self._inputs
        if inputs.candidate.evaluation.refused:
            return refusal_text(inputs.model, inputs.file, inputs.candidate.evaluation.findings)
        return f"{line(f'{inputs.model} ({inputs.file})')}\n{error}"

    def _in_time(self) -> None:
        """The gate, before the engine may go on.

        A hook that fails ends a preview at once, and the other models' findings with it. So a
        refusal is kept there, and `refusal` tells it when every gate has been passed or not.
        """
        with contextlib.suppress(*([GateRefusal] if pulumi.runtime.is_dry_run() else [])):
            if found := self._repository():
                raise GateRefusal(found)
            self.passed()
            if self._settle and not pulumi.runtime.is_dry_run():
                self._settle()
