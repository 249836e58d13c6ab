"""Values of Kubernetes objects: what is not known yet, and reading what may have any shape.

A value of a wrong shape, such as a list where fields belong, is unreadable: the cluster would
refuse it, and a rule must not read it as absent.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NoReturn

from mlifecycle.governance.rule import NotDecided, Unreadable

MESSAGE_VALUE_LENGTH = 120


class Unknown:
    """A value that the engine does not know before `up`: whatever asks it learns nothing."""

    def _refuse(self, *_: object) -> NoReturn:
        raise NotDecided("a value is not known before `pulumi up`")

    __bool__ = __eq__ = __hash__ = __iter__ = __len__ = __contains__ = _refuse
    __getitem__ = __str__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse

    def __getattr__(self, _: str) -> NoReturn:
        self._refuse()


UNKNOWN = Unknown()


def known(value: Any) -> Any:
    """The value, for a check that would not ask it anything by itself, such as `is`."""
    if isinstance(value, Unknown):
        raise NotDecided("a value is not known before `pulumi up`")
    return value


def all_known(value: Any) -> Any:
    """The value, if nothing in it is unknown: two lists of one unknown value are not equal."""
    known(value)
    if isinstance(value, Mapping):
        for inner in value.values():
            all_known(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            all_known(inner)
    return value


def section(body: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """An object's field that holds fields; empty where it is not given or null."""
    value = known(body.get(key))
    if value is not None and not isinstance(value, Mapping):
        raise Unreadable(f"{key} holds {shown(value)} and not fields")
    return value or {}


def entries(body: Mapping[str, Any], key: str) -> Sequence[Any]:
    """An object's field that holds a list; empty where it is not given or null."""
    value = known(body.get(key))
    if value is not None and not isinstance(value, list | tuple):
        raise Unreadable(f"{key} holds {shown(value)} and not a list")
    return value or ()


def sections(body: Mapping[str, Any], key: str) -> Iterator[Mapping[str, Any]]:
    """An object's field that holds a list of objects."""
    for entry in entries(body, key):
        if not isinstance(known(entry), Mapping):
            raise Unreadable(f"{key} lists {shown(entry)} and not fields")
        yield entry


def text(body: Mapping[str, Any], key: str) -> str:
    """An object's field that holds text; empty where it is not given, or no text."""
    value = known(body.get(key))
    return value if isinstance(value, str) else ""


def whole(value: Any) -> int | None:
    """A whole number, also as the engine gives it (3.0); None for anything else."""
    value = known(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if value == value // 1 else None


def found(value: Any) -> str | None:
    """A value as an objection carries it; None where there is none."""
    return None if value is None else shown(value)


def shown(value: Any) -> str:
    """A value within a message: on one line, of bounded length."""
    if value is None:
        return "not set"
    words = value if isinstance(value, str) else json.dumps(value, default=str)
    line = "".join(letter if letter.isprintable() else " " for letter in words)
    if len(line) > MESSAGE_VALUE_LENGTH:
        return line[: MESSAGE_VALUE_LENGTH - 1] + "…"
    return line or "empty"
