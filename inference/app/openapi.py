"""What a model's service takes and answers, as an OpenAPI document."""

from typing import Any

import numpy as np

from app.limits import Limits
from app.model import Model
from app.tensors import TensorSpec

_JSON = "application/json"
_SECURITY = {
    "components": {
        "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "x-api-key"}}
    },
    "security": [{"key": []}],
}
_SCALARS = {"b": "boolean", "i": "integer", "u": "integer", "f": "number", "O": "string"}


def document(model: Model, limits: Limits, *, needs_key: bool) -> dict[str, Any]:
    """OpenAPI 3.1, from the model's signature. needs_key: whether callers must bring one."""
    release = model.release
    infer = f"/v2/models/{release.name}/infer"
    return {
        "openapi": "3.1.0",
        "info": {"title": release.name, "version": release.version},
        "paths": {
            "/health": {"get": _get("The process lives")},
            "/ready": {"get": _get("The model is ready", not_ready=True)},
            "/metrics": {"get": _get("Numbers for Prometheus", kind="text/plain")},
            "/predict": {"post": _post(_instances(model, limits), _predictions(model))},
            "/v2": {"get": _get("The server")},
            f"/v2/models/{release.name}": {"get": _get("The model's signature")},
            f"/v2/models/{release.name}/ready": {"get": _get("The same", not_ready=True)},
            infer: {"post": _post(_request(model), {"type": "object"})},
        },
        **(_SECURITY if needs_key else {}),
    }


def _get(summary: str, kind: str = _JSON, not_ready: bool = False) -> dict[str, Any]:
    answers: dict[str, Any] = {"200": {"description": summary, "content": {kind: {}}}}
    if not_ready:
        answers["503"] = {"description": "Not ready", "content": {_JSON: {}}}
    return {"summary": summary, "responses": answers}


def _post(request: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    refusals = {
        status: {"description": words, "content": {_JSON: {"schema": _error()}}}
        for status, words in (
            ("400", "The request is not what the model takes"),
            ("401", "A key is needed"),
            ("408", "The body did not arrive in time"),
            ("413", "Too many rows, or bytes"),
            ("415", "The content is neither JSON nor tensors"),
            ("503", "Not ready, or too many requests wait"),
        )
    }
    return {
        "summary": "Predict",
        "requestBody": {"required": True, "content": {_JSON: {"schema": request}}},
        "responses": {
            "200": {"description": "Predictions", "content": {_JSON: {"schema": answer}}},
            **refusals,
        },
    }


def _error() -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["code", "details", "request_id"],
        "properties": {
            **{name: {"type": "string"} for name in ("error", "message", "code", "request_id")},
            "details": {"type": "object"},
        },
    }


def _instances(model: Model, limits: Limits) -> dict[str, Any]:
    if len(model.inputs) == 1:
        row = _nested(model.inputs[0], 1)
    else:
        row = {
            "type": "object",
            "required": [spec.name for spec in model.inputs],
            "properties": {spec.name: _nested(spec, 1) for spec in model.inputs},
            "additionalProperties": False,
        }
    rows = {"type": "array", "minItems": 1, "maxItems": limits.rows, "items": row}
    return _object({"instances": rows})


def _predictions(model: Model) -> dict[str, Any]:
    rows = {"type": "array", "items": _nested(model.outputs[0], 1, is_answer=True)}
    texts = {name: {"type": "string"} for name in ("model", "version")}
    return _object({"predictions": rows, **texts})


def _request(model: Model) -> dict[str, Any]:
    tensors = [
        _object(
            {
                "name": {"const": spec.name},
                "datatype": {"const": spec.datatype},
                "shape": {
                    "type": "array",
                    "prefixItems": [_size(size) for size in spec.shape],
                    "minItems": len(spec.shape),
                    "maxItems": len(spec.shape),
                },
                "data": {"type": "array", "items": _scalar(spec)},
            }
        )
        for spec in model.inputs
    ]
    given = {
        "type": "array",
        "prefixItems": tensors,
        "minItems": len(tensors),
        "maxItems": len(tensors),
    }
    return {"type": "object", "required": ["inputs"], "properties": {"inputs": given}}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "required": list(properties),
        "properties": properties,
        "additionalProperties": False,
    }


def _nested(spec: TensorSpec, depth: int, *, is_answer: bool = False) -> dict[str, Any]:
    if depth >= len(spec.shape):
        return _answered(spec) if is_answer else _scalar(spec)
    size = spec.shape[depth]
    limits = {} if size == -1 else {"minItems": size, "maxItems": size}
    inner = _nested(spec, depth + 1, is_answer=is_answer)
    return {"type": "array", "items": inner, **limits}


def _scalar(spec: TensorSpec) -> dict[str, Any]:
    kind = spec.dtype.kind
    if kind not in "iuf" or spec.datatype == "FP64":
        return {"type": _SCALARS[kind]}
    limits: Any = np.finfo(spec.dtype) if kind == "f" else np.iinfo(spec.dtype)
    number = float if kind == "f" else int
    return {
        "type": _SCALARS[kind],
        "minimum": number(limits.min),
        "maximum": number(limits.max),
    }


def _answered(spec: TensorSpec) -> dict[str, Any]:
    # JSON has no NaN and no infinity.
    kind = _SCALARS[spec.dtype.kind]
    return {"type": [kind, "null"]} if spec.dtype.kind == "f" else {"type": kind}


def _size(size: int) -> dict[str, Any]:
    return {"type": "integer", "minimum": 1} if size == -1 else {"const": size}
