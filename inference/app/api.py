"""The routes: /health, /ready, /predict, and every error as JSON."""

import asyncio
import json
from concurrent.futures import Executor
from http import HTTPStatus

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from app.errors import RequestError
from app.instances import parse_instances
from app.model import Model

MAX_BODY_BYTES = 1024 * 1024
# A body of at most 1 MiB that takes longer is not coming; its connection is given up.
BODY_TIMEOUT_SECONDS = 30.0


_NOT_READY = HTTPStatus.SERVICE_UNAVAILABLE


class Service:
    """Answers for one model between `open` and `close`, and says "not ready" outside of that."""

    def __init__(self) -> None:
        self._serving: tuple[Model, Executor] | None = None
        self._ready = b""

    def open(self, model: Model, executor: Executor) -> None:
        """Start answering. `executor` runs predictions, off the event loop."""
        self._serving = (model, executor)
        self._ready = _json_text(
            {"status": "ready", "model": model.release.name, "version": model.release.version}
        )

    def close(self) -> None:
        """Stop being ready; requests already being answered finish."""
        self._serving = None

    def routes(self) -> list[Route]:
        return [
            Route("/health", self._get_health, methods=["GET"]),
            Route("/ready", self._get_ready, methods=["GET"]),
            Route("/predict", self._post_predict, methods=["POST"]),
        ]

    async def _get_health(self, _request: Request) -> Response:
        return _answer(_json_text({"status": "healthy"}))

    async def _get_ready(self, _request: Request) -> Response:
        if self._serving is None:
            return _answer(_json_text({"status": "not ready"}), _NOT_READY)
        return _answer(self._ready)

    async def _post_predict(self, request: Request) -> Response:
        if self._serving is None:
            return _error("not ready", _NOT_READY)
        model, executor = self._serving
        body = await _read_body(request)
        # Parsing too: a full request takes milliseconds, in which no probe would be answered.
        content = await asyncio.get_running_loop().run_in_executor(executor, _predict, model, body)
        return _answer(content)


def _predict(model: Model, body: bytes) -> bytes:
    """The response body for a request body. Raises RequestError."""
    features = parse_instances(body, len(model.feature_names), model.dtype)
    return orjson.dumps(
        {
            "predictions": model.predict(features),
            "model": model.release.name,
            "version": model.release.version,
        },
        option=orjson.OPT_SERIALIZE_NUMPY,
    )


async def _read_body(request: Request) -> bytes:
    """The request's body, refused as soon as it is known to be too large."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > MAX_BODY_BYTES:
        raise _too_large()
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_TIMEOUT_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    raise _too_large()
    except TimeoutError:
        raise RequestError(
            f"the body did not arrive within {BODY_TIMEOUT_SECONDS:g} s", HTTPStatus.REQUEST_TIMEOUT
        ) from None
    except ClientDisconnect:
        # Nobody is left to answer; what matters is that it is not logged as our failure.
        raise RequestError("the client went away") from None
    return bytes(body)


def _too_large() -> RequestError:
    return RequestError(
        f"the body has more than {MAX_BODY_BYTES} bytes", HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    )


async def answer_request_error(_request: Request, error: Exception) -> Response:
    """A RequestError as {"error": <its message>} with its status."""
    assert isinstance(error, RequestError)
    return _error(str(error), error.status)


async def answer_http_error(request: Request, error: Exception) -> Response:
    """Starlette's own refusals (no such route, wrong method) as JSON, with their headers."""
    assert isinstance(error, HTTPException)
    target = f"{request.method} {request.url.path[:200]}"
    response = _error(f"{error.detail}: {target}", error.status_code)
    response.headers.update(error.headers or {})
    return response


async def answer_unexpected_error(_request: Request, _cause: Exception) -> Response:
    """Our own bug: the caller learns no more than that; the traceback goes to the log."""
    return _error("internal error", HTTPStatus.INTERNAL_SERVER_ERROR)


def _error(message: str, status: int) -> Response:
    return _answer(orjson.dumps({"error": message}), status)


def _answer(content: bytes, status: int = HTTPStatus.OK) -> Response:
    return Response(content, status, media_type="application/json")


def _json_text(document: dict[str, str]) -> bytes:
    # json and not orjson: with its spaces, byte for byte what the documentation promises.
    return json.dumps(document).encode()
