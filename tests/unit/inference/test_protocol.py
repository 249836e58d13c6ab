"""The Open Inference Protocol over REST, asked of the real server."""

import http.client
import json
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx_bytes as onnx
import pytest
from local_serving import Server, release_document, run_server, serve_files
from test_inference_model import two_by_two

INFER = "/v2/models/fraud-detector/infer"
GOLDEN = {
    "inputs": {"x": [[1, 2], [3, 4]], "z": [[10, 20], [30, 40]]},
    "outputs": {"y": [[11, 22], [33, 44]]},
    "tolerance": 1e-6,
}


def serving(
    content: bytes, golden: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("protocol")
    files = {"model.onnx": content}
    if golden is not None:
        files["golden.json"] = json.dumps(golden).encode()
    with serve_files(home / "store") as store:
        store.put(files)
        environment = {"MLIFECYCLE_MODEL_STORE_ENDPOINT": store.endpoint}
        running = run_server(release_document(files), home, environment)
        running.wait_until_healthy()
        yield running
        running.end()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A model of two inputs and two outputs: their sum, and the second again."""
    yield from serving(two_by_two(), GOLDEN, tmp_path_factory)


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A model that answers with the text that it is given."""
    string = 8
    content = onnx.model(
        onnx.graph(
            [onnx.node("Identity", ["x"], ["y"])],
            [onnx.value_info("x", ["N", 2], string)],
            [onnx.value_info("y", ["N", 2], string)],
        )
    )
    yield from serving(content, None, tmp_path_factory)


def ask(
    server: Server, body: bytes, headers: dict[str, str] | None = None
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request(
            "POST", INFER, body, {"content-type": "application/json", **(headers or {})}
        )
        response = connection.getresponse()
        names = {name.lower(): value for name, value in response.getheaders()}
        return response.status, names, response.read()
    finally:
        connection.close()


def infer(server: Server, document: Any) -> tuple[int, Any]:
    status, _, body = ask(server, json.dumps(document).encode())
    return status, json.loads(body)


def tensor(name: str, data: Any, **more: Any) -> dict[str, Any]:
    return {"name": name, "datatype": "FP32", "shape": [2, 2], "data": data, **more}


AS_BYTES = {"name": "z", "datatype": "FP32", "shape": [2, 2]}
X, Z = tensor("x", [1, 2, 3, 4]), tensor("z", [[10, 20], [30, 40.5]])


def test_server_and_model_say_what_they_are(server: Server) -> None:
    answers = {
        path: json.loads(server.request("GET", path)[1])
        for path in (
            "/v2",
            "/v2/health/live",
            "/v2/health/ready",
            "/v2/models/fraud-detector",
            "/v2/models/fraud-detector/versions/2.1.0",
            "/v2/models/fraud-detector/ready",
        )
    }
    assert answers["/v2"]["extensions"] == ["binary_tensor_data"]
    assert answers["/v2/health/live"] == {"live": True}
    assert answers["/v2/health/ready"] == {"ready": True}
    assert answers["/v2/models/fraud-detector/ready"] == {"name": "fraud-detector", "ready": True}
    shape = {"datatype": "FP32", "shape": [-1, 2]}
    assert answers["/v2/models/fraud-detector"] == {
        "name": "fraud-detector",
        "versions": ["2.1.0"],
        "platform": "onnx",
        "inputs": [{"name": "x", **shape}, {"name": "z", **shape}],
        "outputs": [{"name": "y", **shape}, {"name": "same", **shape}],
        "parameters": {"predictions": "verified"},
    }
    one = answers["/v2/models/fraud-detector"]
    assert answers["/v2/models/fraud-detector/versions/2.1.0"] == one
    assert server.request("GET", "/v2/models/other")[0] == 404
    assert server.request("GET", "/v2/models/fraud-detector/versions/3")[0] == 404


def test_without_golden_samples_the_predictions_are_called_unverified(texts: Server) -> None:
    found = json.loads(texts.request("GET", "/v2/models/fraud-detector")[1])
    assert found["parameters"] == {"predictions": "unverified"}


def test_tensors_flat_or_nested_are_answered_in_the_models_order(server: Server) -> None:
    status, answer = infer(server, {"id": "42", "inputs": [Z, X]})
    assert status == 200
    assert answer == {
        "model_name": "fraud-detector",
        "model_version": "2.1.0",
        "id": "42",
        "outputs": [
            {"name": "y", "datatype": "FP32", "shape": [2, 2], "data": [11, 22, 33, 44.5]},
            {"name": "same", "datatype": "FP32", "shape": [2, 2], "data": [10, 20, 30, 40.5]},
        ],
    }


def test_outputs_are_those_that_are_wanted(server: Server) -> None:
    status, answer = infer(server, {"inputs": [X, Z], "outputs": [{"name": "same"}]})
    assert status == 200
    assert [output["name"] for output in answer["outputs"]] == ["same"]
    assert "id" not in answer


def test_binary_tensors_go_in_and_out(server: Server) -> None:
    x, z = np.array([[1, 2]], "<f4"), np.array([[10, 20.5]], "<f4")
    described = [
        {"name": name, "datatype": "FP32", "shape": [1, 2], "parameters": {"binary_data_size": 8}}
        for name in ("z", "x")
    ]
    document = json.dumps(
        {
            "inputs": described,
            "outputs": [{"name": "y", "parameters": {"binary_data": True}}, {"name": "same"}],
        }
    ).encode()
    headers = {"Inference-Header-Content-Length": str(len(document))}
    status, found, body = ask(server, document + z.tobytes() + x.tobytes(), headers)
    assert status == 200, body
    assert found["content-type"] == "application/octet-stream"
    length = int(found["inference-header-content-length"])
    answer = json.loads(body[:length])
    assert answer["outputs"][0]["parameters"] == {"binary_data_size": 8}
    assert answer["outputs"][1]["data"] == [10, 20.5]
    assert np.frombuffer(body[length:], "<f4").tolist() == [11, 22.5]


def test_texts_go_in_and_out_in_either_form(texts: Server) -> None:
    words = ["grün", "", "a\u0000b", "字"]
    described = {"name": "x", "datatype": "BYTES", "shape": [2, 2]}
    status, answer = infer(texts, {"inputs": [{**described, "data": words}]})
    assert (status, answer["outputs"][0]["data"]) == (200, words)
    content = b"".join(struct.pack("<I", len(w.encode())) + w.encode() for w in words)
    document = json.dumps(
        {
            "inputs": [{**described, "parameters": {"binary_data_size": len(content)}}],
            "parameters": {"binary_data_output": True},
        }
    ).encode()
    headers = {"Inference-Header-Content-Length": str(len(document))}
    status, found, body = ask(texts, document + content, headers)
    assert status == 200, body
    assert body[int(found["inference-header-content-length"]) :] == content


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
            {
                "inputs": [
                    X,
                    {
                        "name": "z",
                        "datatype": "FP32",
                        "shape": [2, 2],
                        "parameters": {"binary_data_size": -1},
                    },
                ]
            },
            "binary_data_size must be a number of bytes",
        ),
        (
            {
                "inputs": [
                    X,
                    {
                        "name": "z",
                        "datatype": "FP32",
                        "shape": [2, 2],
                        "parameters": {"binary_data_size": 16},
                    },
                ]
            },
            "inputs[1]'s bytes has 0 bytes; its shape [2, 2] needs 16",
        ),
    ],
)
def test_a_wrong_request_is_refused_in_the_protocols_shape(
    server: Server, document: Any, reason: str
) -> None:
    status, answer = infer(server, document)
    assert status in (400, 413)
    assert reason in answer["error"]
    assert answer.keys() == {"error", "code", "details", "request_id"}


@pytest.mark.parametrize("length", ["x", "-1", "999999", "99999999999999999999", ""])
def test_a_wrong_length_of_the_json_is_refused(server: Server, length: str) -> None:
    status, _, body = ask(server, b"{}", {"Inference-Header-Content-Length": length})
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
def test_wrong_bytes_are_refused(server: Server, content: bytes, reason: str) -> None:
    described = {
        "name": "x",
        "datatype": "FP32",
        "shape": [1, 2],
        "parameters": {"binary_data_size": min(8, len(content))},
    }
    z = {"name": "z", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]}
    document = json.dumps({"inputs": [described, z]}).encode()
    headers = {"Inference-Header-Content-Length": str(len(document))}
    status, _, body = ask(server, document + content, headers)
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


def test_an_error_carries_the_callers_request_or_trace(server: Server) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    for headers, identity in (
        ({"x-request-id": "mine"}, "mine"),
        ({"traceparent": f"00-{trace}-b7ad6b7169203331-01"}, trace),
    ):
        _, _, body = ask(server, b"{}", headers)
        assert json.loads(body)["request_id"] == identity
    _, _, body = ask(server, b"{}", {"x-request-id": "x" * 65})
    assert len(json.loads(body)["request_id"]) == 16


def test_another_content_type_is_refused(server: Server) -> None:
    status, _, body = ask(server, b"{}", {"content-type": "text/plain"})
    assert status == 415
    assert json.loads(body)["code"] == "unsupported_media_type"
