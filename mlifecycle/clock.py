"""The time, as it is told in records and outputs."""

from datetime import UTC, datetime


def utc_now() -> str:
    """Now, in UTC: `2025-01-02T12:00:00Z`."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
