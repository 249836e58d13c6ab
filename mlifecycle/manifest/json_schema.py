"""The manifest's JSON Schema, with which editors complete and check manifests."""

from typing import Any

from mlifecycle.manifest.schema import Manifest

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def manifest_json_schema() -> dict[str, Any]:
    """As pydantic derives it, without the null that an optional field does not take."""
    schema: dict[str, Any] = _without_null(Manifest.model_json_schema())
    return {"$schema": DIALECT, **schema, "title": "ModelDeployment"}


def _without_null(node: Any) -> Any:
    if isinstance(node, list):
        return [_without_null(item) for item in node]
    if not isinstance(node, dict):
        return node
    node = {key: _without_null(value) for key, value in node.items()}
    branches = node.get("anyOf")
    if isinstance(branches, list) and {"type": "null"} in branches:
        (branch,) = (item for item in branches if item != {"type": "null"})
        del node["anyOf"]
        node = {**branch, **node}
    if node.get("default", ...) is None:
        del node["default"]
    return node
