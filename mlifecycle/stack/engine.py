"""Running the engine for one stack: its events as lines, its failures as one message."""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pulumi import automation

from mlifecycle.stack.events import UNCHANGED, Events, Report
from mlifecycle.stack.locks import all_left_behind

T = TypeVar("T")


class EngineError(Exception):
    """A preview or an update failed; the message holds every error and violation.

    Attributes:
        unverified: the models that were released and did not answer as they must, each with why.
        refused: the models that gate or policies refuse, each with why, where nothing else failed.
    """

    def __init__(
        self,
        message: str,
        unverified: Mapping[str, str] | None = None,
        refused: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.unverified = unverified or {}
        self.refused = refused or {}


@dataclass
class Run:
    """What one preview or update did.

    Attributes:
        warnings: what gates and policies say that refuses nothing.
        outputs: the stack's, as far as they are known.
    """

    changes: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    warnings: tuple[str, ...] = ()
    outputs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def changed(self) -> int:
        """How many resources it changed, or would."""
        return sum(count for op, count in self.changes.items() if op not in UNCHANGED)


class Engine:
    """One stack of the project in a folder.

    Args:
        project: the folder that holds `Pulumi.yaml`.
        policy_pack: the folder of the pack, which every preview and update runs.
    """

    def __init__(self, stack: str, *, project: Path, policy_pack: Path) -> None:
        self._policy_packs = [str(policy_pack)]
        try:
            self._stack = automation.select_stack(stack, work_dir=str(project))
        except automation.StackNotFoundError as error:
            raise EngineError(
                f"no stack {stack}: make it with `pulumi stack init {stack}`"
            ) from error
        except FileNotFoundError as error:
            raise EngineError(
                """pulumi is not on PATH: install it, or eval "$(make -s env)" """.strip()
            ) from error
        except automation.CommandError as error:
            raise EngineError(str(error)) from error

    def configuration(self) -> dict[str, automation.ConfigValue]:
        """The stack's configuration, decrypted, by full key.

        Raises:
            EngineError: the backend does not answer, or the passphrase is another.
        """
        return dict(self._ask(self._stack.get_all_config))

    def outputs(self) -> dict[str, Any]:
        """The stack's outputs as the last update left them.

        Raises:
            EngineError: as `configuration`.
        """
        return {key: item.value for key, item in self._ask(self._stack.outputs).items()}

    def preview(self) -> Run:
        """Everything that an update checks, and no change.

        Raises:
            EngineError: the gate, a policy or the program refuses.
        """
        events = Events(lambda _: None)
        started = time.monotonic()
        result = self._run(
            events,
            lambda: self._stack.preview(
                policy_packs=self._policy_packs, on_event=events.take, suppress_progress=True
            ),
        )
        seconds = time.monotonic() - started
        return Run(_changes(result.change_summary), seconds, events.warnings(), events.outputs)

    def up(self, message: str, report: Report) -> Run:
        """Update the stack; each changed resource is reported.

        Raises:
            EngineError: the update failed; what it had done before stays.
        """
        events = Events(report)
        started = time.monotonic()
        result = self._run(
            events,
            lambda: self._stack.up(
                message=message,
                policy_packs=self._policy_packs,
                on_event=events.take,
                suppress_progress=True,
                show_secrets=False,
                # One model's failure is no reason to leave another half released.
                continue_on_error=True,
            ),
        )
        changes = _changes(result.summary.resource_changes or {})
        return Run(changes, time.monotonic() - started, events.warnings(), events.outputs)

    def refresh(self, urns: Sequence[str]) -> None:
        """Have the state say of these resources what the cluster says of them.

        Raises:
            EngineError: the cluster does not answer.
        """
        self._run(
            Events(lambda _: None),
            lambda: self._stack.refresh(
                target=list(urns), suppress_outputs=True, suppress_progress=True
            ),
        )

    def _ask(self, question: Callable[[], T]) -> T:
        try:
            return question()
        except automation.CommandError as error:
            raise EngineError(str(error)) from error

    def _run(self, events: Events, operation: Callable[[], T]) -> T:
        """Run it, and once more if only a killed engine's lock was in the way."""
        try:
            return self._attempt(events, operation)
        except automation.ConcurrentUpdateError as error:
            if not all_left_behind(str(error)):
                raise EngineError(
                    f"another update of this stack is running:\n{_locked_by(error)}\n"
                    "Nothing was changed. When it has ended, run the same command again."
                ) from error
        self._ask(self._stack.cancel)
        # What the killed engine had begun: the cluster's objects are taken over as they are.
        self._ask(
            lambda: self._stack.refresh(
                clear_pending_creates=True, suppress_outputs=True, suppress_progress=True
            )
        )
        try:
            return self._attempt(events, operation)
        except automation.ConcurrentUpdateError as error:
            raise EngineError(f"the stack is still locked:\n{_locked_by(error)}") from error

    def _attempt(self, events: Events, operation: Callable[[], T]) -> T:
        try:
            return operation()
        except automation.ConcurrentUpdateError:
            raise
        except automation.CommandError as error:
            message = events.failure() or _last_words(error)
            raise EngineError(message, events.unverified(), events.refused()) from error


def _changes(counts: Mapping[Any, int]) -> dict[str, int]:
    # The library annotates enumeration keys and gives text.
    return {automation.OpType(operation).value: count for operation, count in counts.items()}


def _last_words(error: automation.CommandError) -> str:
    """What is left to say of an engine that named no reason itself."""
    # The library has it as one text only: ` code: 1\n stdout: ...\n stderr: ...`.
    head, _, errors = str(error).partition("\n stderr: ")
    code = re.search(r"code: (-?\d+)", head)
    if code and int(code[1]) < 0:
        return f"the engine was killed (signal {-int(code[1])}). Run the same command again."
    lines = [line for line in errors.splitlines() if line.strip()]
    return "\n".join(["the engine failed without a reason", *lines[-10:]])


def _locked_by(error: automation.ConcurrentUpdateError) -> str:
    return "\n".join(line.strip() for line in str(error).splitlines() if "created by" in line)
