"""The Open Inference Protocol over REST, asked of the real server."""

import json
import struct

import numpy as np
from local_serving import Server
from protocol_requests import X, Z, ask, infer


def test_server_and_model_say_what_they_are(sums: Server) -> None:
    answers = {
        path: json.loads(sums.request("GET", path)[1])
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
    assert sums.request("GET", "/v2/models/other")[0] == 404
    assert sums.request("GET", "/v2/models/fraud-detector/versions/3")[0] == 404


def test_without_golden_samples_the_predictions_are_called_unverified(texts: Server) -> None:
    found = json.loads(texts.request("GET", "/v2/models/fraud-detector")[1])
    assert found["parameters"] == {"predictions": "unverified"}


def test_tensors_flat_or_nested_are_answered_in_the_models_order(sums: Server) -> None:
    status, answer = infer(sums, {"id": "42", "inputs": [Z, X]})
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


def test_outputs_are_those_that_are_wanted(sums: Server) -> None:
    status, answer = infer(sums, {"inputs": [X, Z], "outputs": [{"name": "same"}]})
    assert status == 200
    assert [output["name"] for output in answer["outputs"]] == ["same"]
    assert "id" not in answer


def test_binary_tensors_go_in_and_out(sums: Server) -> None:
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
    status, found, body = ask(sums, document + z.tobytes() + x.tobytes(), headers)
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
