"""A manifest as a resource's inputs, and back: only text, lists and objects cross the engine.

The engine turns numbers into floats, which would move a value across a threshold, so numbers
travel as text.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from mlifecycle.manifest.nodes import Path
from mlifecycle.manifest.schema import Manifest


def to_plain(manifest: Manifest) -> dict[str, Any]:
    """The manifest without unset fields, numbers and dates as text."""
    plain: dict[str, Any] = _text(manifest.model_dump(exclude_unset=True))
    return plain


def from_plain(value: Mapping[str, Any]) -> Manifest:
    """The manifest that `to_plain` gave.

    Raises:
        pydantic.ValidationError: it is none.
    """
    return Manifest.model_validate(value, strict=False)


def manifest_digest(plain: Mapping[str, Any]) -> str:
    """`sha256:<hex>` over a manifest as `to_plain` gives it."""
    text = json.dumps(plain, sort_keys=True)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def lines_to_text(lines: Mapping[Path, int]) -> str:
    """On which line each field stands, as one text: `spec.metrics.accuracy:15 ...`."""
    return " ".join(f"{'.'.join(map(str, path))}:{line}" for path, line in lines.items())


def lines_from_text(text: str) -> dict[Path, int]:
    """What `lines_to_text` gave."""
    lines: dict[Path, int] = {}
    for item in text.split():
        path, _, line = item.rpartition(":")
        steps = path.split(".") if path else []
        lines[tuple(int(step) if step.isdigit() else step for step in steps)] = int(line)
    return lines


def _text(value: Any) -> Any:
    match value:
        case dict():
            return {key: _text(item) for key, item in value.items()}
        case list() | tuple():
            return [_text(item) for item in value]
        case bool() | str():
            return value
        case Decimal() | int() | date():
            return str(value)
    raise TypeError(f"{type(value).__name__} in a manifest")
