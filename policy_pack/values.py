"""What the engine hands to a policy, as the rules see it."""

import contextlib
import os
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from pulumi_policy.proxy import UnknownValueError

from mlifecycle.governance.context import Context, StackState, read_context
from mlifecycle.governance.objects.values import UNKNOWN
from mlifecycle.process import ToolError
from mlifecycle.stack.running import state_of
from mlifecycle.stack.stack_file import StackTerms, read_stack_terms, terms_in


def plain(value: Any) -> Any:
    """The engine's read-only views as dictionaries and lists; `UNKNOWN` for what is not known."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return {key: _item(value, key) for key in value}
    if isinstance(value, Sequence):
        return [_item(value, index) for index in range(len(value))]
    return value


def _item(container: Any, key: Any) -> Any:
    try:
        return plain(container[key])
    except UnknownValueError:
        return UNKNOWN


def terms_of_stack(urn: str) -> StackTerms:
    """What the stack that a resource is in says to the rules, from the stack's file.

    The engine tells a pack neither the stack's configuration nor its environment.

    Raises:
        SettingsError: there is no such file, or it names no environment.
    """
    return _terms_of(_stack_of(urn), os.environ.get("PULUMI_OPTION_CONFIG_FILE"))


def context_of_stack(urn: str) -> Context:
    """What a verdict in that stack depends on, asked once: before anything of it changes.

    Raises:
        SettingsError: as `terms_of_stack`.
        ContextError, OwnersFileError: as `read_context`.
    """
    return _context_of(_stack_of(urn), terms_of_stack(urn))


def _stack_of(urn: str) -> str:
    return urn.split("::", maxsplit=1)[0].removeprefix("urn:pulumi:")


@cache
def _terms_of(stack: str, file: str | None) -> StackTerms:
    return terms_in(Path(file)) if file else read_stack_terms(stack)


@cache
def _context_of(stack: str, terms: StackTerms) -> Context:
    def state() -> StackState | None:
        # A state that is only a file has no stack to ask; the program asks too, and insists.
        with contextlib.suppress(ToolError):
            return state_of(stack)
        return None

    return read_context(terms.registries, terms.namespace, state=state)
