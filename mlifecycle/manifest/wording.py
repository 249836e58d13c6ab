"""Schema errors in the author's words, not in the library's."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from mlifecycle.manifest.section import Empty

_SHOWN = 80
_EXPECTED = {
    "is_instance_of": "a number",
    "decimal_type": "a number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "string_type": "text",
    "bool_type": "true or false",
    "date_type": "a date",
    "tuple_type": "a list",
    "model_type": "a section of fields",
    "model_attributes_type": "a section of fields",
    "dict_type": "a section of fields",
}


_WORDS = {
    "finite_number": "must be a finite number",
    "greater_than_equal": "{value} is less than {ge}",
    "less_than_equal": "{value} is more than {le}",
    "literal_error": "must be {expected}, not {described}",
    "too_long": "has more than {max_length} entries or characters",
    "string_too_short": "must not be empty",
    "string_too_long": "is longer than {max_length} characters",
    "string_pattern_mismatch": "{described} does not match {pattern}",
}


def wording(detail: Mapping[str, Any]) -> str:
    """What is wrong with one value.

    Args:
        detail: one of `ValidationError.errors()`.
    """
    kind, described = detail["type"], _described(detail["input"])
    if isinstance(detail["input"], Empty):
        return "is empty: give a value or remove it"
    if expected := _EXPECTED.get(kind):
        return f"must be {expected}, not {described}"
    if words := _WORDS.get(kind):
        shown = _shortened(str(detail["input"]))
        return words.format(value=shown, described=described, **detail.get("ctx", {}))
    return str(detail["msg"]).removeprefix("Value error, ")


def _described(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return f"the text {_shortened(repr(value))}"
        case int() | Decimal():
            return f"the number {_shortened(str(value))}"
        case dict():
            return "a section of fields"
        case list() | tuple():
            return "a list"
    return "empty" if value is None else _shortened(str(value))


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
