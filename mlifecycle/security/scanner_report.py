"""Reading what a scanner printed: what cannot be read is an error, never an empty report."""

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from mlifecycle.process import ToolError

Kind = TypeVar("Kind")
# Vendors publish every few hours; older than this, a silent mirror is the likelier reason.
DATABASE_MAXIMUM_AGE = timedelta(days=7)
# What the package URLs of operating systems' packages begin with.
SYSTEM_PACKAGES = ("pkg:deb/", "pkg:apk/", "pkg:rpm/")


def written(file: Path) -> str:
    """What a tool wrote, also where it was cut off within a character; empty if it wrote none."""
    return file.read_text(errors="replace") if file.exists() else ""


def json_document(text: str, tool: str) -> Any:
    """The JSON that a tool printed.

    Raises:
        ToolError: it is nothing, or half a document.
    """
    if not text.strip():
        raise ToolError(f"{tool} printed nothing")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ToolError(f"{tool} printed half a document: {error}") from error


def json_object(text: str, tool: str) -> dict[str, Any]:
    """As `json_document`, where it must be an object."""
    document = json_document(text, tool)
    if not isinstance(document, dict):
        raise ToolError(f"{tool} printed no JSON object")
    return document


def findings(
    items: Iterable[Any], tool: str, what: str, read: Callable[[Any], Kind]
) -> tuple[Kind, ...]:
    """Each of a scanner's findings as ours.

    Raises:
        ToolError: one has not the shape that this version knows.
    """
    try:
        return tuple(map(read, items))
    except (KeyError, TypeError, AttributeError, IndexError, ValueError, ValidationError) as error:
        raise ToolError(f"{tool} printed {what} that cannot be read: {error}") from error


def require_recent(database: str, updated_at: datetime) -> None:
    """Refuse an old vulnerability database.

    Raises:
        ToolError: what it does not know yet would read as not vulnerable.
    """
    age = datetime.now(UTC) - updated_at
    if age > DATABASE_MAXIMUM_AGE:
        raise ToolError(f"the vulnerability database {database} is {age.days} days old")
