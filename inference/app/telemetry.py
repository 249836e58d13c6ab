"""Logs as JSON, one line each, and the W3C trace context. No line ever has a payload.

https://www.w3.org/TR/trace-context/
"""

import logging
import re
from datetime import UTC, datetime
from typing import Any

import orjson

from app.http import Scope

# What this service itself has to say.
logger = logging.getLogger("inference")

_TRACEPARENT = re.compile(rb"00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")


class JsonFormatter(logging.Formatter):
    """A record as one JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if trace := getattr(record, "trace", ""):
            line["trace_id"] = trace
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(line).decode()


def use_json_logs() -> None:
    """Have every logger of this process write JSON to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers = []
        logger.propagate = True
    # A line for each request costs as much as the request: the metrics count them. The image
    # switches it off as well (UVICORN_ACCESS_LOG), which spares making the line.
    logging.getLogger("uvicorn.access").disabled = True


def fall_silent() -> None:
    """Log no more: what has been said is the last word."""
    logging.disable(logging.CRITICAL)


def trace_of(scope: Scope) -> str:
    """The trace that a request belongs to, as 32 hex digits; empty where it says none."""
    for name, value in scope["headers"]:
        if name == b"traceparent":
            match = _TRACEPARENT.fullmatch(value)
            return match.group(1).decode() if match else ""
    return ""
