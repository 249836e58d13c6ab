"""What ASGI gives and takes, as bytes: reading a body within limits, and writing an answer."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from http import HTTPStatus
from typing import Any

from app.errors import RequestError

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = Iterable[tuple[bytes, bytes]]

MAX_BODY_BYTES = 4 * 1024 * 1024
# A body that takes longer is not coming; its connection is given up.
BODY_SECONDS = 30.0
JSON = b"application/json"
OCTETS = b"application/octet-stream"


class ClientGone(Exception):
    """Nobody is left to answer."""


async def read_body(receive: Receive, length: bytes | None) -> bytes:
    """The request's body, refused as soon as it is known to be too large.

    length: the header Content-Length, where there is one.
    Raises RequestError (413, 408), and ClientGone.
    """
    if length is not None and length.isdigit() and int(length) > MAX_BODY_BYTES:
        raise _too_large()
    deadline = _Deadline()
    try:
        message = await receive()
        if message["type"] == "http.request" and not message.get("more_body"):
            body: bytes = message.get("body", b"")
        else:
            body = await _read_rest(message, receive)
    except asyncio.CancelledError:
        deadline.require_open()
        raise
    finally:
        deadline.close()
    if len(body) > MAX_BODY_BYTES:
        raise _too_large()
    return body


class _Deadline:
    """As asyncio.timeout, at a fifth of its cost: each request sets one, and almost none comes."""

    def __init__(self) -> None:
        self._task = asyncio.current_task()
        self._is_over = False
        self._timer = asyncio.get_running_loop().call_later(BODY_SECONDS, self._end)

    def _end(self) -> None:
        self._is_over = True
        if self._task is not None:
            self._task.cancel()

    def require_open(self) -> None:
        """Raise RequestError (408) where it was this deadline that cancelled the task."""
        if self._is_over and self._task is not None and self._task.uncancel() == 0:
            raise RequestError(
                f"the body did not arrive within {BODY_SECONDS:g} s", HTTPStatus.REQUEST_TIMEOUT
            ) from None

    def close(self) -> None:
        """It has not come."""
        self._timer.cancel()


async def _read_rest(message: MutableMapping[str, Any], receive: Receive) -> bytes:
    body = bytearray()
    while True:
        if message["type"] != "http.request":
            raise ClientGone
        body += message.get("body", b"")
        if len(body) > MAX_BODY_BYTES:
            raise _too_large()
        if not message.get("more_body"):
            return bytes(body)
        message = await receive()


def _too_large() -> RequestError:
    return RequestError(
        f"the body has more than {MAX_BODY_BYTES} bytes",
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        details={"limit": MAX_BODY_BYTES},
    )


async def answer(
    send: Send,
    status: int,
    content: bytes,
    kind: bytes = JSON,
    headers: Mapping[str, str] | None = None,
) -> None:
    """Send an answer whole."""
    sent = [(b"content-type", kind), (b"content-length", str(len(content)).encode())]
    if headers:
        sent += [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": sent})
    await send({"type": "http.response.body", "body": content})
