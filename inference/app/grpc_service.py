"""The Open Inference Protocol over gRPC, on a port of its own, beside the one over HTTP.

It asks the same model by the same checks, limits and queue; an error has the status of gRPC that
stands for its HTTP status.
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

import grpc
import numpy as np

from app import protocol
from app.binary import bytes_of_tensor
from app.errors import RequestError, StartupError
from app.grpc_messages import SERVICE, message
from app.service import Service, answered, metadata_of
from app.telemetry import logger
from app.tensors import DATATYPES, Array

# Each may hold a whole request; more are told to come again before they send one.
MAX_CALLS = 64
# A Service balances connections and not calls: without an end, a new pod would get none.
CONNECTION_MILLISECONDS = 60_000
# Less than what a pod has between the signal and its end (components/workload.py).
DRAIN_SECONDS = 20

_CONTENTS = {
    **{"BOOL": "bool_contents", "BYTES": "bytes_contents"},
    **{"INT8": "int_contents", "INT16": "int_contents", "INT32": "int_contents"},
    **{"UINT8": "uint_contents", "UINT16": "uint_contents", "UINT32": "uint_contents"},
    **{"INT64": "int64_contents", "UINT64": "uint64_contents"},
    **{"FP32": "fp32_contents", "FP64": "fp64_contents"},
}
_STATUS = {
    HTTPStatus.UNAUTHORIZED: grpc.StatusCode.UNAUTHENTICATED,
    HTTPStatus.NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: grpc.StatusCode.RESOURCE_EXHAUSTED,
    HTTPStatus.SERVICE_UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
    HTTPStatus.INTERNAL_SERVER_ERROR: grpc.StatusCode.INTERNAL,
}

Context = Any
Method = Callable[[Any], Awaitable[Any]]


async def serve(service: Service, port: int) -> grpc.aio.Server:
    """Start answering for what `service` serves.

    Raises StartupError where the port is taken.
    """
    server = grpc.aio.server(
        maximum_concurrent_rpcs=MAX_CALLS,
        options=[
            ("grpc.max_receive_message_length", service.limits.bytes),
            ("grpc.max_connection_age_ms", CONNECTION_MILLISECONDS),
            ("grpc.max_connection_age_grace_ms", DRAIN_SECONDS * 1000),
            # Else a second process of this port would share it, and answer for half of the calls.
            ("grpc.so_reuseport", 0),
        ],
    )
    server.add_generic_rpc_handlers((_GrpcService(service).handlers(),))
    try:
        server.add_insecure_port(f"0.0.0.0:{port}")
    except RuntimeError as error:
        raise StartupError(f"gRPC port {port} can't be opened: {error}") from error
    await server.start()
    return server


class _GrpcService:
    """The protocol's methods."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def handlers(self) -> grpc.GenericRpcHandler:
        """What grpc calls, by the methods' names."""
        methods: dict[str, tuple[Method, bool]] = {
            "ServerLive": (self._server_live, True),
            "ServerReady": (self._server_ready, True),
            "ModelReady": (self._model_ready, False),
            "ServerMetadata": (self._server_metadata, False),
            "ModelMetadata": (self._model_metadata, False),
            "ModelInfer": (self._infer, False),
        }
        return grpc.method_handlers_generic_handler(
            SERVICE,
            {
                name: grpc.unary_unary_rpc_method_handler(
                    self._answering(name, method, is_open=is_open),
                    message(f"{name}Request").FromString,
                    message(f"{name}Response").SerializeToString,
                )
                for name, (method, is_open) in methods.items()
            },
        )

    def _answering(
        self, name: str, method: Method, *, is_open: bool
    ) -> Callable[[Any, Context], Awaitable[Any]]:
        service, route = self._service, f"/{SERVICE}/{name}"

        async def answer(request: Any, context: Context) -> Any:
            started, status = time.perf_counter(), 499
            service.metrics.in_flight += 1
            try:
                if service.callers and not is_open:
                    service.callers.require(_headers(context))
                found = await method(request)
                status = 200
                return found
            except RequestError as error:
                status = int(error.status)
                await _refuse(context, error)
            except Exception:
                # Our own bug: the caller learns no more than that.
                logger.exception("a request failed")
                status = 500
                await context.abort(grpc.StatusCode.INTERNAL, "internal error")
            finally:
                service.metrics.in_flight -= 1
                service.metrics.observe_answer(route, status, time.perf_counter() - started)

        return answer

    async def _server_live(self, _: Any) -> Any:
        return message("ServerLiveResponse")(live=True)

    async def _server_ready(self, _: Any) -> Any:
        return message("ServerReadyResponse")(ready=self._service.is_ready)

    async def _model_ready(self, request: Any) -> Any:
        if self._service.is_ready:
            self._require_model(request.name, request.version)
        return message("ModelReadyResponse")(ready=self._service.is_ready)

    async def _server_metadata(self, _: Any) -> Any:
        return message("ServerMetadataResponse")(name="mlifecycle", version="1")

    async def _model_metadata(self, request: Any) -> Any:
        self._require_model(request.name, request.version)
        found = metadata_of(self._service.serving()[0])
        properties = found.pop("parameters")
        return message("ModelMetadataResponse")(**found, properties=properties)

    async def _infer(self, request: Any) -> Any:
        self._require_model(request.model_name, request.model_version)
        model, batcher = self._service.serving()

        def read() -> protocol.InferRequest:
            document, parts = _document(request)
            rest = memoryview(b"".join(parts))
            limit = self._service.limits.rows
            return protocol.checked(document, rest, model.inputs, model.outputs, limit)

        asked, outputs = await answered(model, batcher, read)
        answer = message("ModelInferResponse")(
            model_name=model.release.name, model_version=model.release.version, id=request.id
        )
        for place, _ in asked.outputs:
            spec, tensor = model.outputs[place], outputs[place]
            item = answer.outputs.add(name=spec.name, datatype=spec.datatype, shape=tensor.shape)
            # As it was asked, but for what has no other form.
            if request.raw_input_contents or spec.datatype not in _CONTENTS:
                answer.raw_output_contents.append(bytes_of_tensor(tensor))
            else:
                _fill(item.contents, spec.datatype, tensor)
        return answer

    def _require_model(self, name: str, version: str) -> None:
        release = self._service.serving()[0].release
        if name != release.name or version not in ("", release.version):
            asked = f"{name[:100]!r} {version[:100]}".strip()
            raise RequestError(
                f"no such model: {asked}; here is {release.name!r} {release.version}",
                HTTPStatus.NOT_FOUND,
            )


def _document(request: Any) -> tuple[Mapping[str, Any], list[bytes]]:
    """The request as it is over HTTP with binary tensors: its JSON, and their bytes."""
    raw = list(request.raw_input_contents)
    if raw and len(raw) != len(request.inputs):
        raise RequestError(f"raw_input_contents has {len(raw)} of {len(request.inputs)} tensors")
    if raw and any(item.HasField("contents") for item in request.inputs):
        raise RequestError("a tensor has contents, and raw_input_contents too")
    parts = raw or [_bytes(index, item) for index, item in enumerate(request.inputs)]
    document: dict[str, Any] = {
        "inputs": [
            {
                "name": item.name,
                "datatype": item.datatype,
                "shape": list(item.shape),
                "parameters": {"binary_data_size": len(part)},
            }
            for item, part in zip(request.inputs, parts, strict=True)
        ],
        "outputs": [{"name": item.name} for item in request.outputs],
    }
    if request.id:
        document["id"] = request.id
    return document, parts


def _bytes(index: int, item: Any) -> bytes:
    field = _CONTENTS.get(item.datatype)
    if field is None:
        raise RequestError(f"inputs[{index}] is {item.datatype[:20]!r}: send raw_input_contents")
    if any(other.name != field for other, _ in item.contents.ListFields()):
        raise RequestError(f"inputs[{index}] is {item.datatype}: its values are its {field}")
    values = getattr(item.contents, field)
    try:
        return bytes_of_tensor(np.array(values, DATATYPES[item.datatype]))
    except OverflowError as error:
        raise RequestError(
            f"inputs[{index}] has a value out of range for {item.datatype}"
        ) from error


def _fill(contents: Any, datatype: str, tensor: Array) -> None:
    values = tensor.ravel().tolist()
    if datatype == "BYTES":
        values = [value if isinstance(value, bytes) else str(value).encode() for value in values]
    getattr(contents, _CONTENTS[datatype]).extend(values)


def _headers(context: Context) -> list[tuple[bytes, bytes]]:
    return [
        (key.encode(), value if isinstance(value, bytes) else value.encode())
        for key, value in context.invocation_metadata() or ()
    ]


async def _refuse(context: Context, error: RequestError) -> None:
    seconds = error.headers.get("retry-after")
    # https://github.com/grpc/proposal/blob/master/A6-client-retries.md#pushback
    pushback = (("grpc-retry-pushback-ms", f"{seconds}000"),) if seconds else ()
    code = _STATUS.get(error.status, grpc.StatusCode.INVALID_ARGUMENT)
    await context.abort(code, str(error), pushback)
