"""What the Open Inference Protocol refuses, and in which words."""

import json
import struct
from typing import Any

import pytest
from local_serving import Server
from protocol_requests import AS_BYTES, X, Z, ask, infer, tensor


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ([], "the body must be a JSON object"),
        ({}, "inputs must be a non-empty list"),
        ({"inputs": []}, "inputs must be a non-empty list"),
        ({"inputs": [X]}, "the model also needs input 'z'"),
        ({"inputs": [X, X]}, "inputs[1]: 'x' is given twice"),
        ({"inputs": [X, Z, tensor("w", [])]}, "inputs[2]: the model has no input 'w'"),
        ({"inputs": [X, 7]}, "inputs[1]: the model has no input ''"),
        ({"inputs": [X, {**Z, "datatype": "FP64"}]}, "'FP64'; the model takes FP32"),
        ({"inputs": [X, {**Z, "datatype": None}]}, "'None'; the model takes FP32"),
        ({"inputs": [X, {**Z, "shape": [2]}]}, "has the shape [2]; the model takes [-1, 2]"),
        ({"inputs": [X, {**Z, "shape": [2, 3]}]}, "has the shape [2, 3]"),
        ({"inputs": [X, {**Z, "shape": [True, 2]}]}, "shape must be a list of sizes"),
        ({"inputs": [X, {**Z, "shape": [-1, 2]}]}, "shape must be a list of sizes"),
        ({"inputs": [X, {**Z, "shape": "2"}]}, "shape must be a list of sizes"),
        ({"inputs": [X, {**Z, "shape": [0, 2], "data": []}]}, "inputs[1] has no rows"),
        ({"inputs": [X, tensor("z", [1, 2], shape=[1, 2])]}, "has 1 rows; another input has 2"),
        ({"inputs": [X, {**Z, "shape": [10**15, 2]}]}, "has 1000000000000000 rows; at most 1024"),
        ({"inputs": [X, tensor("z", [1, 2, 3])]}, "has 3 values; its shape [2, 2] needs 4"),
        ({"inputs": [X, tensor("z", None)]}, "inputs[1].data must be a list"),
        ({"inputs": [X, tensor("z", "1234")]}, "inputs[1].data must be a list"),
        ({"inputs": [X, tensor("z", [[1, 2], 3, 4])]}, "mixes lists and values"),
        ({"inputs": [X, tensor("z", [1, 2, 3, "4"])]}, "inputs[1].data[1][1] is not a number"),
        ({"inputs": [X, tensor("z", [1, 2, 3, None])]}, "is not a number"),
        ({"inputs": [X, tensor("z", [1, 2, 3, True])]}, "is not a number"),
        (
            {"inputs": [X, tensor("z", [1, 2, 3, 1e39])]},
            "inputs[1].data[1][1] is not a finite FP32",
        ),
        ({"inputs": [X, Z], "id": None}, "id must be a text"),
        ({"inputs": [X, Z], "id": 7}, "id must be a text"),
        ({"inputs": [X, Z], "id": "x" * 257}, "id must be a text of at most 256"),
        ({"inputs": [X, Z], "outputs": {}}, "outputs must be a list"),
        ({"inputs": [X, Z], "outputs": [{"name": "w"}]}, "the model has no output 'w'"),
        ({"inputs": [X, Z], "outputs": ["y"]}, "the model has no output ''"),
        ({"inputs": [X, Z], "parameters": 7}, "parameters must be an object"),
        (
            {"inputs": [X, Z], "outputs": [{"name": "y", "parameters": {"binary_data": 1}}]},
            "binary_data must be true or false",
        ),
        (
            {"inputs": [X, {**Z, "parameters": {"binary_data_size": 16}}]},
            "has both data and binary_data_size",
        ),
        (
            {"inputs": [X, {**AS_BYTES, "parameters": {"binary_data_size": -1}}]},
            "binary_data_size must be a number of bytes",
        ),
        (
            {"inputs": [X, {**AS_BYTES, "parameters": {"binary_data_size": 16}}]},
            "inputs[1]'s bytes has 0 bytes; its shape [2, 2] needs 16",
        ),
    ],
)
def test_a_wrong_request_is_refused_in_the_protocols_shape(
    sums: Server, document: Any, reason: str
) -> None:
    status, answer = infer(sums, document)
    assert status in (400, 413)
    assert reason in answer["error"]
    assert answer.keys() == {"error", "code", "details", "request_id"}


@pytest.mark.parametrize("length", ["x", "-1", "999999", "99999999999999999999", ""])
def test_a_wrong_length_of_the_json_is_refused(sums: Server, length: str) -> None:
    status, _, body = ask(sums, b"{}", {"Inference-Header-Content-Length": length})
    assert status == 400
    assert "Inference-Header-Content-Length must be a number" in json.loads(body)["error"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "has 0 bytes"),
        (b"\0" * 7, "has 7 bytes; its shape [1, 2] needs 8"),
        (b"\0" * 9, "1 bytes follow the last tensor"),
        (struct.pack("<ff", 1, float("nan")), "inputs[0][0][1] is not a finite FP32"),
        (struct.pack("<ff", float("inf"), 1), "inputs[0][0][0] is not a finite FP32"),
    ],
)
def test_wrong_bytes_are_refused(sums: Server, content: bytes, reason: str) -> None:
    described = {
        "name": "x",
        "datatype": "FP32",
        "shape": [1, 2],
        "parameters": {"binary_data_size": min(8, len(content))},
    }
    z = {"name": "z", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]}
    document = json.dumps({"inputs": [described, z]}).encode()
    headers = {"Inference-Header-Content-Length": str(len(document))}
    status, _, body = ask(sums, document + content, headers)
    assert status == 400
    assert reason in json.loads(body)["error"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "does not hold 2 elements"),
        (struct.pack("<I", 1) + b"a", "does not hold 2 elements"),
        (struct.pack("<I", 0) * 3, "does not hold 2 elements"),
        (struct.pack("<I", 2**32 - 1) + b"a" * 8, "does not hold 2 elements"),
        (struct.pack("<I", 1) + b"\xff" + struct.pack("<I", 0), "element 0 is no text in UTF-8"),
    ],
)
def test_wrong_texts_are_refused(texts: Server, content: bytes, reason: str) -> None:
    described = {
        "name": "x",
        "datatype": "BYTES",
        "shape": [1, 2],
        "parameters": {"binary_data_size": len(content)},
    }
    document = json.dumps({"inputs": [described]}).encode()
    headers = {"Inference-Header-Content-Length": str(len(document))}
    status, _, body = ask(texts, document + content, headers)
    assert status == 400
    assert reason in json.loads(body)["error"]


def test_an_error_carries_the_callers_request_or_trace(sums: Server) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    for headers, identity in (
        ({"x-request-id": "mine"}, "mine"),
        ({"traceparent": f"00-{trace}-b7ad6b7169203331-01"}, trace),
    ):
        _, _, body = ask(sums, b"{}", headers)
        assert json.loads(body)["request_id"] == identity
    _, _, body = ask(sums, b"{}", {"x-request-id": "x" * 65})
    assert len(json.loads(body)["request_id"]) == 16


def test_another_content_type_is_refused(sums: Server) -> None:
    status, _, body = ask(sums, b"{}", {"content-type": "text/plain"})
    assert status == 415
    assert json.loads(body)["code"] == "unsupported_media_type"
