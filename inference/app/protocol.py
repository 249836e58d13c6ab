"""Inference requests and answers of the Open Inference Protocol, version 2, over REST.

What is asked over gRPC is checked here too (app.grpc_service).
https://github.com/open-inference/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from app.binary import bytes_of_tensor, split_body, tensor_of_bytes
from app.errors import RequestError
from app.release import Release
from app.tensors import Array, TensorSpec
from app.values import require_finite, require_rows, tensor_of_data

MAX_ID_LENGTH = 256


@dataclass(frozen=True)
class InferRequest:
    """What a caller asks.

    tensors: one for each of the model's inputs, by name. outputs: those that are wanted, as their
    place among the model's, and whether as bytes.
    """

    id: str | None
    tensors: dict[str, Array]
    outputs: tuple[tuple[int, bool], ...]


def decode(
    body: bytes,
    json_length: bytes | None,
    inputs: Sequence[TensorSpec],
    outputs: Sequence[TensorSpec],
    max_rows: int,
) -> InferRequest:
    """A request's body, checked against the model's signature.

    json_length: the header that announces binary tensors; None where there are none.
    Raises RequestError that says what to change.
    """
    text, rest = (body, memoryview(b"")) if json_length is None else split_body(body, json_length)
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise RequestError(f"the body is not valid JSON: {error}") from error
    if not isinstance(document, dict):
        raise RequestError("the body must be a JSON object")
    return checked(document, rest, inputs, outputs, max_rows)


def checked(
    document: Mapping[str, Any],
    rest: memoryview,
    inputs: Sequence[TensorSpec],
    outputs: Sequence[TensorSpec],
    max_rows: int,
) -> InferRequest:
    """A request as its JSON is read, and the bytes of its binary tensors.

    Raises RequestError that says what to change.
    """
    identity = document.get("id")
    if "id" in document and not (isinstance(identity, str) and len(identity) <= MAX_ID_LENGTH):
        raise RequestError(f"id must be a text of at most {MAX_ID_LENGTH} characters")
    all_binary = _flag(document.get("parameters"), "binary_data_output", "parameters")
    return InferRequest(
        identity,
        _tensors(document.get("inputs"), rest, inputs, max_rows),
        _wanted(document.get("outputs"), all_binary, outputs),
    )


def encode(
    request: InferRequest, release: Release, outputs: Sequence[TensorSpec], found: Sequence[Array]
) -> tuple[bytes, int | None]:
    """The answer's body, and the length of its JSON where bytes follow it."""
    described, parts = [], []
    for place, is_binary in request.outputs:
        spec, tensor = outputs[place], found[place]
        item: dict[str, Any] = {
            "name": spec.name,
            "shape": tensor.shape,
            "datatype": spec.datatype,
        }
        if is_binary:
            parts.append(bytes_of_tensor(tensor))
            item["parameters"] = {"binary_data_size": len(parts[-1])}
        elif spec.datatype == "FP16":
            raise RequestError(f"output {spec.name!r} is FP16, which JSON has not: ask for bytes")
        else:
            item["data"] = tensor.ravel().tolist() if tensor.dtype.kind in "OUS" else tensor.ravel()
        described.append(item)
    document = {"model_name": release.name, "model_version": release.version}
    if request.id is not None:
        document["id"] = request.id
    text = orjson.dumps({**document, "outputs": described}, option=orjson.OPT_SERIALIZE_NUMPY)
    return (text, None) if not parts else (b"".join((text, *parts)), len(text))


def _tensors(
    given: object, rest: memoryview, specs: Sequence[TensorSpec], max_rows: int
) -> dict[str, Array]:
    if not isinstance(given, list) or not given:
        raise RequestError("inputs must be a non-empty list of tensors")
    known = {spec.name: spec for spec in specs}
    tensors: dict[str, Array] = {}
    position, rows = 0, None
    for index, item in enumerate(given):
        name = _name(item)
        if name not in known:
            raise RequestError(f"inputs[{index}]: the model has no input {name[:100]!r}")
        if name in tensors:
            raise RequestError(f"inputs[{index}]: {name!r} is given twice")
        spec, label = known[name], f"inputs[{index}]"
        shape = _shape(item, spec, label, max_rows)
        size = _binary_size(item, label)
        if size is None:
            if spec.datatype == "FP16":
                raise RequestError(f"{label} is FP16, which JSON has not: send bytes")
            tensor = tensor_of_data(item.get("data"), shape, spec, f"{label}.data")
        else:
            part = rest[position : position + size]
            tensor = tensor_of_bytes(part, shape, spec, f"{label}'s bytes")
            require_finite(tensor, spec, label)
            position += size
        if spec.is_in_rows:
            if rows is not None and rows != shape[0]:
                raise RequestError(f"{label} has {shape[0]} rows; another input has {rows}")
            rows = shape[0]
        tensors[name] = tensor
    if position != len(rest):
        raise RequestError(f"{len(rest) - position} bytes follow the last tensor")
    if missing := [spec.name for spec in specs if spec.name not in tensors]:
        raise RequestError(f"the model also needs input {missing[0]!r}")
    return tensors


def _shape(item: dict[str, Any], spec: TensorSpec, label: str, max_rows: int) -> tuple[int, ...]:
    shape, datatype = item.get("shape"), item.get("datatype")
    if datatype != spec.datatype:
        raise RequestError(f"{label} is {str(datatype)[:20]!r}; the model takes {spec.datatype}")
    # By exact type, because true is an int to Python.
    if not isinstance(shape, list) or not all(type(size) is int and size >= 0 for size in shape):
        raise RequestError(f"{label}: shape must be a list of sizes")
    if not spec.takes(shape):
        raise RequestError(
            f"{label} has the shape {shape[:8]}; the model takes {list(spec.shape)}, -1 for any"
        )
    if spec.is_in_rows:
        if shape[0] == 0:
            raise RequestError(f"{label} has no rows")
        require_rows(shape[0], label, max_rows)
    return tuple(shape)


def _binary_size(item: dict[str, Any], label: str) -> int | None:
    parameters = item.get("parameters")
    if not isinstance(parameters, dict) or "binary_data_size" not in parameters:
        return None
    size = parameters["binary_data_size"]
    if type(size) is not int or size < 0:
        raise RequestError(f"{label}: binary_data_size must be a number of bytes")
    if "data" in item:
        raise RequestError(f"{label} has both data and binary_data_size")
    return size


def _wanted(
    given: object, all_binary: bool, specs: Sequence[TensorSpec]
) -> tuple[tuple[int, bool], ...]:
    if given is None or given == []:
        return tuple((place, all_binary) for place in range(len(specs)))
    if not isinstance(given, list):
        raise RequestError("outputs must be a list")
    places = {spec.name: place for place, spec in enumerate(specs)}
    wanted = []
    for index, item in enumerate(given):
        name = _name(item)
        if name not in places:
            raise RequestError(f"outputs[{index}]: the model has no output {name[:100]!r}")
        binary = _flag(item.get("parameters"), "binary_data", f"outputs[{index}]", all_binary)
        wanted.append((places[name], binary))
    return tuple(wanted)


def _name(item: object) -> str:
    name = item.get("name") if isinstance(item, dict) else None
    return name if isinstance(name, str) else ""


def _flag(parameters: object, name: str, label: str, otherwise: bool = False) -> bool:
    if parameters is None:
        return otherwise
    if not isinstance(parameters, dict):
        raise RequestError(f"{label} must be an object")
    value = parameters.get(name, otherwise)
    if not isinstance(value, bool):
        raise RequestError(f"{label}: {name} must be true or false")
    return value
