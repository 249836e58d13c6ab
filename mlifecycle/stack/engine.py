"""Running the engine for one stack: its events as lines, its failures as one message."""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pulumi import automation
from pulumi.automation.events import EngineEvent

from mlifecycle.stack.locks import all_left_behind

# How the engine marks colours in what it prints.
_COLOUR = re.compile(r"<\{%[a-z ]*%\}>")
# What the engine puts before a hook's message; a hook is called `gate of fraud-detector`. Then what
# it says when all has been said.
_HOOK = re.compile(r'^(?:Preview failed: )?(?:before|after) hook "\w+ of ([^"]*)" failed: ')
_VERIFICATION = re.compile(r'^before hook "verification of ([^"]*)" failed: ')
# What the program says of a resource whose failure has been told.
_CONSEQUENCE = re.compile(r"ResourceRegistrationFailed: resource .* failed to register$")
_EMPTY = (
    "preview failed",
    "update failed",
    "an unhandled error occurred: program exited with non-zero exit code: 1",
)
_STACK = "::pulumi:pulumi:Stack::"
_UNCHANGED = ("same", "refresh", "read")
_PAST = {"create": "created", "update": "updated", "delete": "deleted", "replace": "replaced"}

T = TypeVar("T")
Report = Callable[[str], None]


class EngineError(Exception):
    """A preview or an update failed; the message holds every error and violation.

    Attributes:
        unverified: the models that were released and did not answer as they must.
    """

    def __init__(self, message: str, unverified: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.unverified = unverified


@dataclass
class Run:
    """What one preview or update did.

    Attributes:
        warnings: what gates and policies say that refuses nothing.
    """

    changes: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    warnings: tuple[str, ...] = ()

    @property
    def changed(self) -> int:
        """How many resources it changed, or would."""
        return sum(count for op, count in self.changes.items() if op not in _UNCHANGED)


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
        events = _Events(lambda _: None)
        started = time.monotonic()
        result = self._run(
            events,
            lambda: self._stack.preview(
                policy_packs=self._policy_packs, on_event=events.take, suppress_progress=True
            ),
        )
        return Run(_changes(result.change_summary), time.monotonic() - started, events.warnings())

    def up(self, message: str, report: Report) -> Run:
        """Update the stack; each changed resource is reported.

        Raises:
            EngineError: the update failed; what it had done before stays.
        """
        events = _Events(report)
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
        return Run(changes, time.monotonic() - started, events.warnings())

    def _ask(self, question: Callable[[], T]) -> T:
        try:
            return question()
        except automation.CommandError as error:
            raise EngineError(str(error)) from error

    def _run(self, events: "_Events", operation: Callable[[], T]) -> T:
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

    def _attempt(self, events: "_Events", operation: Callable[[], T]) -> T:
        try:
            return operation()
        except automation.ConcurrentUpdateError:
            raise
        except automation.CommandError as error:
            message = events.failure() or _last_words(error)
            raise EngineError(message, events.unverified()) from error


class _Events:
    """The engine's events, as they come."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._started: dict[str, float] = {}
        self._problems: dict[str, None] = {}
        self._warnings: dict[str, None] = {}
        self._unverified: dict[str, None] = {}

    def take(self, event: EngineEvent) -> None:
        """Report a changed resource; keep errors, violations and warnings."""
        if event.resource_pre_event:
            self._started[event.resource_pre_event.metadata.urn] = time.monotonic()
        elif event.res_outputs_event:
            metadata = event.res_outputs_event.metadata
            operation = metadata.op.value
            if operation not in _UNCHANGED:
                seconds = time.monotonic() - self._started.get(metadata.urn, time.monotonic())
                kind, name = metadata.type.split(":")[-1], metadata.urn.split("::")[-1]
                self._report(f"  {_PAST.get(operation, operation)} {kind} {name} ({seconds:.1f} s)")
        elif event.diagnostic_event and event.diagnostic_event.severity == "error":
            self._add(event.diagnostic_event.message)
        elif event.diagnostic_event and event.diagnostic_event.severity == "warning":
            # The program's own; a provider also warns of what it still waits for.
            if _STACK in (event.diagnostic_event.urn or _STACK):
                self._warnings[_plain(event.diagnostic_event.message)] = None
        elif event.policy_event:
            # The first line is the policy's description.
            message = event.policy_event.message.split("\n", 1)[-1]
            if event.policy_event.enforcement_level == "mandatory":
                self._add(message)
            else:
                self._warnings[_plain(message)] = None

    def failure(self) -> str:
        """All errors and violations, each once, without the engine's own words around them."""
        texts = [
            text for text in self._problems if text not in _EMPTY and not _CONSEQUENCE.search(text)
        ]
        # The gate and the policy pack refuse with the same words.
        kept = [text for text in texts if not any(text in t for t in texts if t != text)]
        return "\n\n".join(kept)

    def unverified(self) -> tuple[str, ...]:
        """The models whose verification failed."""
        return tuple(self._unverified)

    def warnings(self) -> tuple[str, ...]:
        """What refuses nothing, each once."""
        return tuple(self._warnings)

    def _add(self, message: str) -> None:
        if match := _VERIFICATION.match(_plain(message)):
            self._unverified[match[1]] = None
        self._problems[_HOOK.sub(r"\1\n", _plain(message))] = None


def _plain(message: str) -> str:
    return _COLOUR.sub("", message).strip()


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
