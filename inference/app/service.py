"""The ASGI application: its routes, and every error as JSON (docs/decisions/0019)."""

import json
import os
import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

import orjson

from app import binary, predict, protocol
from app.batching import Batcher, Tensors
from app.callers import Callers
from app.errors import RequestError
from app.http import OCTETS, BodyReader, ClientGone, Receive, Scope, Send, answer
from app.limits import Limits
from app.metrics import CONTENT_TYPE, Metrics
from app.model import Model
from app.openapi import document
from app.telemetry import logger, trace_of
from app.tensors import Array, TensorSpec

_GET, _POST = ("GET", "HEAD"), ("POST",)
_BODIES = (b"application/json", b"application/octet-stream")
_PROTOCOL = "/v2"
# What probes and Prometheus ask, who have no key; it says nothing of what the model predicts.
_OPEN = frozenset({"/health", "/ready", "/metrics", "/v2/health/live", "/v2/health/ready"})

Handler = Callable[[Scope, Receive, Send], Awaitable[int]]


class Service:
    """Answers for one model between `open` and `close`, and says "not ready" outside of that.

    callers: who may ask; None where everybody may that the network lets through.
    """

    def __init__(self, limits: Limits, callers: Callers | None = None) -> None:
        self.metrics = Metrics()
        self.limits = limits
        self.callers = callers
        self._bodies = BodyReader(limits.bytes)
        self._model: Model | None = None
        self._batcher: Batcher | None = None
        self._static: dict[str, bytes] = {"/health": _text({"status": "healthy"})}
        self._static["/v2/health/live"] = _text({"live": True})
        self._posts: dict[str, Handler] = {"/predict": self._predict}

    def open(self, model: Model, batcher: Batcher) -> None:
        """Start answering with what `batcher` runs."""
        release = model.release
        self._model, self._batcher = model, batcher
        self.metrics.describe_model(release)
        self.metrics.waiting = lambda: batcher.waiting
        one = f"/v2/models/{release.name}"
        self._static |= {
            "/ready": _text({"status": "ready", "model": release.name, "version": release.version}),
            "/v2": _text(
                {"name": "mlifecycle", "version": "1", "extensions": ["binary_tensor_data"]}
            ),
            "/v2/health/ready": _text({"ready": True}),
            "/openapi.json": orjson.dumps(
                document(model, self.limits, needs_key=self.callers is not None)
            ),
        }
        for path in (one, f"{one}/versions/{release.version}"):
            self._static[path] = orjson.dumps(metadata_of(model))
            self._static[f"{path}/ready"] = _text({"name": release.name, "ready": True})
            self._posts[f"{path}/infer"] = self._infer

    def close(self) -> None:
        """Stop being ready; requests that are already here are answered."""
        self._model = None

    @property
    def is_ready(self) -> bool:
        """Whether a model is there to be asked."""
        return self._model is not None

    def serving(self) -> tuple[Model, Batcher]:
        """The model, and what runs it. Raises RequestError (503) where there is none."""
        if self._model is None or self._batcher is None:
            raise RequestError("not ready", HTTPStatus.SERVICE_UNAVAILABLE, {"retry-after": "1"})
        return self._model, self._batcher

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        started = time.perf_counter()
        self.metrics.in_flight += 1
        path: str = scope["path"]
        handler = self._posts.get(path) if scope["method"] == "POST" else None
        status = 0
        try:
            if self.callers and path not in _OPEN:
                self.callers.require(scope["headers"])
            status = await (handler or self._other)(scope, receive, send)
        except ClientGone:
            # Nobody is left to answer; what matters is that it is not counted as our failure.
            status = 499
        except RequestError as error:
            status = await _refuse(scope, send, error)
        except Exception:
            # Our own bug: the caller learns no more than that; the traceback goes to the log.
            logger.exception("a request failed", extra={"trace": trace_of(scope)})
            ours = RequestError("internal error", HTTPStatus.INTERNAL_SERVER_ERROR)
            status = await _refuse(scope, send, ours)
        finally:
            self.metrics.in_flight -= 1
            seconds = time.perf_counter() - started
            known = handler or path in self._static or path == "/metrics"
            route = path if known else "other"
            self.metrics.observe_answer(route, status, seconds)

    async def _predict(self, scope: Scope, receive: Receive, send: Send) -> int:
        model, batcher = self.serving()
        headers = _headers(scope)
        body = await self._bodies.read(receive, headers[0])

        def decode() -> tuple[Tensors, int]:
            tensors = predict.decode(body, model.inputs, self.limits.rows)
            return tensors, len(tensors[model.inputs[0].name])

        outputs = await batcher.submit(decode)
        await answer(send, 200, predict.encode(model.release, outputs[0]))
        return 200

    async def _infer(self, scope: Scope, receive: Receive, send: Send) -> int:
        model, batcher = self.serving()
        length, json_length = _headers(scope)
        body = await self._bodies.read(receive, length)
        request, outputs = await answered(
            model,
            batcher,
            lambda: protocol.decode(
                body, json_length, model.inputs, model.outputs, self.limits.rows
            ),
        )
        content, json_size = protocol.encode(request, model.release, model.outputs, outputs)
        if json_size is None:
            await answer(send, 200, content)
        else:
            headers = {binary.HEADER.decode(): str(json_size)}
            await answer(send, 200, content, OCTETS, headers)
        return 200

    async def _other(self, scope: Scope, receive: Receive, send: Send) -> int:
        path, method = scope["path"], scope["method"]
        if (path in self._static or path == "/metrics") and method not in _GET:
            raise _not_allowed(_GET)
        if path == "/metrics":
            await answer(send, 200, self.metrics.text(), CONTENT_TYPE)
            return 200
        if path in self._static:
            if self._model is None and path.endswith("ready"):
                return await self._not_ready(path, send)
            await answer(send, 200, self._static[path])
            return 200
        if path in self._posts:
            raise _not_allowed(_POST)
        if path.endswith("ready"):
            return await self._not_ready(path, send)
        raise RequestError(f"no such route: {path[:200]}", HTTPStatus.NOT_FOUND)

    async def _not_ready(self, path: str, send: Send) -> int:
        if self._model is not None:
            raise RequestError(f"no such route: {path[:200]}", HTTPStatus.NOT_FOUND)
        content = _text({"ready": False} if path.startswith(_PROTOCOL) else {"status": "not ready"})
        await answer(send, 503, content)
        return 503


def _headers(scope: Scope) -> tuple[bytes | None, bytes | None]:
    """Content-Length, and how long the JSON is before binary tensors.

    Raises RequestError for a content that is neither JSON nor tensors (415).
    """
    length = json_length = None
    for name, value in scope["headers"]:
        if name == b"content-length":
            length = value
        elif name == b"content-type":
            if value.partition(b";")[0].strip().lower() not in _BODIES:
                raise RequestError(
                    "the content type must be application/json", HTTPStatus.UNSUPPORTED_MEDIA_TYPE
                )
        elif name == binary.HEADER:
            json_length = value
    return length, json_length


async def answered(
    model: Model, batcher: Batcher, read: Callable[[], protocol.InferRequest]
) -> tuple[protocol.InferRequest, list[Array]]:
    """A request of the Open Inference Protocol, which is read when its turn comes, and its outputs.

    Raises RequestError.
    """
    requests = []

    def decode() -> tuple[Tensors, int]:
        requests.append(request := read())
        first = model.inputs[0]
        tensor = request.tensors[first.name]
        return request.tensors, len(tensor) if first.is_in_rows else 1

    outputs = await batcher.submit(decode)
    return requests[0], outputs


async def _refuse(scope: Scope, send: Send, error: RequestError) -> int:
    """An error in the shape of its route."""
    identity = _request_id(scope)
    words = "error" if scope["path"].startswith(_PROTOCOL) else "message"
    content: dict[str, Any] = {
        words: str(error),
        "code": error.code,
        "details": error.details,
        "request_id": identity,
    }
    await answer(send, error.status, orjson.dumps(content), headers=error.headers)
    return int(error.status)


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and len(value) <= 64 and value.isascii():
            return str(value, "ascii")
    trace = trace_of(scope)
    return trace or os.urandom(8).hex()


def _not_allowed(methods: tuple[str, ...]) -> RequestError:
    allowed = ", ".join(methods)
    return RequestError(f"only {allowed} here", HTTPStatus.METHOD_NOT_ALLOWED, {"allow": allowed})


def metadata_of(model: Model) -> dict[str, Any]:
    """The model's metadata, as the Open Inference Protocol names them."""
    release = model.release
    return {
        "name": release.name,
        "versions": [release.version],
        "platform": release.format,
        "inputs": [_described(spec) for spec in model.inputs],
        "outputs": [_described(spec) for spec in model.outputs],
        "parameters": {"predictions": "verified" if model.verified else "unverified"},
    }


def _described(spec: TensorSpec) -> dict[str, Any]:
    return {"name": spec.name, "datatype": spec.datatype, "shape": list(spec.shape)}


def _text(content: dict[str, Any]) -> bytes:
    # json and not orjson: with its spaces, byte for byte what the documentation promises.
    return json.dumps(content).encode()
