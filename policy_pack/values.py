"""What the engine hands to a policy, as the rules see it."""

import json
import os
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from pulumi_policy.proxy import UnknownValueError

from mlifecycle.governance.objects.kubernetes import UNKNOWN
from mlifecycle.stack.stack_file import StackTerms, read_stack_terms, terms_of


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
def _terms_of(stack: str) -> StackTerms:
    """Environment and registries of the stack that a resource is in.

    The engine gives the stack's configuration in preview and `up`, but not to `policy analyze`,
    where the stack's file is read.

    Raises:
        SettingsError: neither says which environment it is.
    """
    configuration = os.environ.get("PULUMI_CONFIG")
    if configuration:
        return terms_of(json.loads(configuration), "the stack's configuration")
    return read_stack_terms(stack)


def terms_of_stack(urn: str) -> StackTerms:
    """As `_terms_of`, for the stack that a resource's URN names."""
    return _terms_of(urn.split("::", maxsplit=1)[0].removeprefix("urn:pulumi:"))
