"""What one request may bring; the rest is refused before it costs anything."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.errors import StartupError


@dataclass(frozen=True)
class Limits:
    """Of one request: its rows, and the bytes of its body."""

    rows: int = 1024
    bytes: int = 4 * 1024 * 1024


def read_limits(environment: Mapping[str, str]) -> Limits:
    """What the environment says, else the defaults.

    Raises StartupError for what is no number above 0.
    """
    defaults = Limits()
    return Limits(
        rows=_number(environment, "MLIFECYCLE_MAX_ROWS", defaults.rows),
        bytes=_number(environment, "MLIFECYCLE_MAX_BYTES", defaults.bytes),
    )


def _number(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name) or str(default)
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 2**31):
        raise StartupError(f"{name} is {text!r}, not a number above 0")
    return int(text)
