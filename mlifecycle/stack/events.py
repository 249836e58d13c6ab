"""What the engine says while it runs: changed resources, errors by model, warnings."""

import re
import time
from collections.abc import Callable, Mapping
from typing import Any

from pulumi.automation.events import EngineEvent

from mlifecycle.stack.settings import MODEL_DEPLOYMENT

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
# The program's own end, when all that was refused or failed has been told of its model.
_REFUSED = re.compile(r"(?:.*: )?\d+ of \d+ models (?:(?:is|are) refused|failed)", re.DOTALL)
_STACK = "::pulumi:pulumi:Stack::"
_MODEL = f"::{MODEL_DEPLOYMENT}::"
UNCHANGED = ("same", "refresh", "read")
_PAST = {"create": "created", "update": "updated", "delete": "deleted", "replace": "replaced"}

Report = Callable[[str], None]


class Events:
    """The engine's events, as they come."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._started: dict[str, float] = {}
        self._problems: dict[str, None] = {}
        self._warnings: dict[str, None] = {}
        self._unverified: dict[str, str] = {}
        self._refused: dict[str, list[str]] = {}
        self._others = False
        self.outputs: Mapping[str, Any] = {}

    def take(self, event: EngineEvent) -> None:
        """Report a changed resource; keep errors, violations and warnings."""
        if event.resource_pre_event:
            self._started[event.resource_pre_event.metadata.urn] = time.monotonic()
        elif event.res_outputs_event:
            metadata = event.res_outputs_event.metadata
            if metadata.type == _STACK.strip(":") and metadata.new:
                self.outputs = metadata.new.outputs or {}
            operation = metadata.op.value
            if operation not in UNCHANGED:
                seconds = time.monotonic() - self._started.get(metadata.urn, time.monotonic())
                kind, name = metadata.type.split(":")[-1], metadata.urn.split("::")[-1]
                self._report(f"  {_PAST.get(operation, operation)} {kind} {name} ({seconds:.1f} s)")
        elif event.diagnostic_event and event.diagnostic_event.severity == "error":
            self._add(event.diagnostic_event.message, event.diagnostic_event.urn)
        elif event.diagnostic_event and event.diagnostic_event.severity == "warning":
            # The program's own; a provider also warns of what it still waits for.
            if _STACK in (event.diagnostic_event.urn or _STACK):
                self._warnings[_plain(event.diagnostic_event.message)] = None
        elif event.policy_event:
            # The first line is the policy's description.
            message = event.policy_event.message.split("\n", 1)[-1]
            if event.policy_event.enforcement_level == "mandatory":
                self._add(message, event.policy_event.resource_urn)
            else:
                self._warnings[_plain(message)] = None

    def failure(self) -> str:
        """All errors and violations, each once, without the engine's own words around them."""
        texts = [
            text
            for text in self._problems
            if text not in _EMPTY and not _CONSEQUENCE.search(text) and not _REFUSED.fullmatch(text)
        ]
        # The gate and the policy pack refuse with the same words.
        kept = [text for text in texts if not any(text in t for t in texts if t != text)]
        return "\n\n".join(kept)

    def unverified(self) -> dict[str, str]:
        """The models whose verification failed, each with why."""
        return dict(self._unverified)

    def refused(self) -> dict[str, str]:
        """The models that are refused, each with why; none where anything else failed too."""
        return {} if self._others else {m: "\n".join(why) for m, why in self._refused.items()}

    def warnings(self) -> tuple[str, ...]:
        """What refuses nothing, each once."""
        return tuple(self._warnings)

    def _add(self, message: str, urn: str | None) -> None:
        plain = _plain(message)
        if match := _VERIFICATION.match(plain):
            self._unverified[match[1]] = plain[match.end() :]
        if urn and _MODEL in urn:
            self._refused.setdefault(urn.rsplit("::", 1)[1], []).append(plain)
        elif plain not in _EMPTY and not _REFUSED.fullmatch(plain):
            self._others = True
        self._problems[_HOOK.sub(r"\1\n", plain)] = None


def _plain(message: str) -> str:
    return _COLOUR.sub("", message).strip()
