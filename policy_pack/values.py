"""What the engine hands to a policy, as the rules see it."""

import os
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from pulumi_policy.proxy import UnknownValueError

from mlifecycle.governance.objects.values import UNKNOWN
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


@cache
def terms_of_stack(urn: str) -> StackTerms:
    """Environment and registries of the stack that a resource is in, from the stack's file.

    The engine tells a pack neither the stack's configuration nor its environment.

    Raises:
        SettingsError: there is no such file, or it names no environment.
    """
    if named := os.environ.get("PULUMI_OPTION_CONFIG_FILE"):
        return terms_in(Path(named))
    return read_stack_terms(urn.split("::", maxsplit=1)[0].removeprefix("urn:pulumi:"))
