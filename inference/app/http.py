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

# Of all bodies that have not arrived whole: memory is not for callers to take.
MAX_HELD_BYTES = 64 * 1024 * 1024
# A body that takes longer is not coming; its connection is given up.
BODY_SECONDS = 30.0
JSON = b"application/json"
OCTETS = b"application/octet-stream"


class ClientGone(Exception):
    """Nobody is left to answer."""


class BodyReader:
    """Reads requests' bodies, and gives up those that do not arrive.

    One timer looks after all of them: asyncio.timeout takes longer than reading a small body.
    limit: bytes that one body may have.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._since: dict[asyncio.Task[Any], float] = {}
        self._late: set[asyncio.Task[Any]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._held = 0

    async def read(self, receive: Receive, length: bytes | None) -> bytes:
        """The request's body, refused as soon as it is known to be too large.

        length: the header Content-Length, where there is one.
        Raises RequestError (413, 408), and ClientGone.
        """
        if length is not None and length.isdigit() and int(length) > self._limit:
            raise self._too_large()
        task = asyncio.current_task()
        assert task is not None
        self._begin(task)
        try:
            message = await receive()
            if message["type"] == "http.request" and not message.get("more_body"):
                body: bytes = message.get("body", b"")
            else:
                body = await self._read_rest(message, receive)
        except asyncio.CancelledError:
            if task in self._late and task.uncancel() == 0:
                raise RequestError(
                    f"the body did not arrive within {BODY_SECONDS:g} s", HTTPStatus.REQUEST_TIMEOUT
                ) from None
            raise
        finally:
            self._since.pop(task, None)
            self._late.discard(task)
        if len(body) > self._limit:
            raise self._too_large()
        return body

    async def _read_rest(self, message: MutableMapping[str, Any], receive: Receive) -> bytes:
        body = bytearray()
        try:
            while message["type"] == "http.request":
                part = message.get("body", b"")
                body += part
                self._held += len(part)
                if len(body) > self._limit:
                    raise self._too_large()
                if self._held > MAX_HELD_BYTES:
                    raise RequestError(
                        "too many large requests arrive at once",
                        HTTPStatus.SERVICE_UNAVAILABLE,
                        {"retry-after": "1"},
                    )
                if not message.get("more_body"):
                    return bytes(body)
                message = await receive()
            raise ClientGone
        finally:
            self._held -= len(body)

    def _begin(self, task: asyncio.Task[Any]) -> None:
        loop = asyncio.get_running_loop()
        self._since[task] = loop.time()
        if self._timer is None:
            self._timer = loop.call_later(BODY_SECONDS / 10, self._look)

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        for task, since in list(self._since.items()):
            if loop.time() - since > BODY_SECONDS:
                del self._since[task]
                self._late.add(task)
                task.cancel()
        self._timer = loop.call_later(BODY_SECONDS / 10, self._look) if self._since else None

    def _too_large(self) -> RequestError:
        return RequestError(
            f"the body has more than {self._limit} bytes",
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            details={"limit": self._limit},
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
