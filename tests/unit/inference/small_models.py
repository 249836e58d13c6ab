"""Models of a few nodes, their golden samples, and the releases of both."""

import json
from typing import Any

import onnx_bytes as onnx
from app.model import Model, load_model
from app.release import Release
from local_serving import URI, listing_digest, sha256

Files = dict[str, bytes]


def release_of(files: Files, **changed: str) -> Release:
    digests = {
        "artifact_digest": listing_digest(files),
        "golden_digest": sha256(files["golden.json"]),
    }
    return Release(
        name="m",
        version="1.0.0",
        uri=URI,
        format="onnx",
        model="model.onnx",
        files=tuple(sorted(files)),
        **(digests | changed),
    )


def load(files: Files) -> Model:
    return load_model(release_of(files), files)


def predict(model: Model, rows: Any) -> Any:
    return model.infer({model.inputs[0].name: rows})[0]


def golden_json(**changed: object) -> bytes:
    """Golden samples of a model that takes two features and adds 1 to each."""
    document = {
        "feature_names": ["a", "b"],
        "inputs": [[1.0, 2.0], [3.0, 4.0]],
        "outputs": [[2.0, 3.0], [4.0, 5.0]],
        "tolerance": 1e-5,
    }
    return json.dumps(document | changed).encode()


def add_model(
    initializers: list[bytes] | None = None,
    first_nodes: list[bytes] | None = None,
    inputs: list[bytes] | None = None,
    outputs: list[bytes] | None = None,
) -> bytes:
    """y = x + w, where w is [1, 1] unless the caller brings its own."""
    if initializers is None and first_nodes is None:
        initializers = [onnx.tensor("w", [1.0, 1.0])]
    return onnx.model(
        onnx.graph(
            [*(first_nodes or []), onnx.node("Add", ["x", "w"], ["y"])],
            inputs or [onnx.value_info("x", ["N", 2])],
            outputs or [onnx.value_info("y", ["N", 2])],
            initializers,
        )
    )


def two_by_two(kind: int = 1) -> bytes:
    """Two inputs and two outputs: their sum, and the second again."""
    return onnx.model(
        onnx.graph(
            [onnx.node("Add", ["x", "z"], ["y"]), onnx.node("Identity", ["z"], ["same"])],
            [onnx.value_info(name, ["N", 2], kind) for name in ("x", "z")],
            [onnx.value_info(name, ["N", 2], kind) for name in ("y", "same")],
        )
    )
