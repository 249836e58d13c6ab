"""A manifest as a resource's inputs, and back: only text, lists and objects cross the engine.

The engine turns numbers into floats, which would move a value across a threshold, so numbers
travel as text.
"""

from datetime import date
from decimal import Decimal
from typing import Any

from pydantic import TypeAdapter

from mlifecycle.manifest.schema import Manifest

_NUMERIC_SECTIONS = ("metrics", "fairness", "drift")
_LISTS = ("dependencies", "data_sources")


def to_plain(manifest: Manifest) -> dict[str, Any]:
    """The manifest without unset fields, numbers and dates as text."""
    return manifest.model_dump(mode="json", exclude_unset=True)


def from_plain(value: dict[str, Any]) -> Manifest:
    """The manifest that `to_plain` gave.

    Raises:
        pydantic.ValidationError: it is none.
    """
    spec = dict(value.get("spec", {}))
    for section in _NUMERIC_SECTIONS:
        if section in spec:
            spec[section] = {key: _number(key, item) for key, item in spec[section].items()}
    for field in _LISTS:
        if field in spec:
            spec[field] = tuple(spec[field])
    return Manifest.model_validate({**value, "spec": spec})


def _number(key: str, item: Any) -> Any:
    if key == "reference_date":
        return TypeAdapter(date).validate_python(item)
    return Decimal(item)
