"""The routes, asked of the real server over HTTP with the committed model."""

import http.client
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from app.limits import Limits
from local_serving import ROW, Server, serve_model


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, committed_files: dict[str, bytes]
) -> Iterator[Server]:
    """One server for the whole module: no test here changes it."""
    with serve_model(committed_files, tmp_path_factory.mktemp("serving")) as running:
        yield running


def predict(server: Server, document: object) -> tuple[int, Any]:
    status, body = server.request("POST", "/predict", json.dumps(document).encode())
    return status, json.loads(body)


def test_health_and_ready_answer_byte_for_byte_as_documented(server: Server) -> None:
    assert server.request("GET", "/health") == (200, b'{"status": "healthy"}')
    assert server.request("GET", "/ready") == (
        200,
        b'{"status": "ready", "model": "fraud-detector", "version": "2.1.0"}',
    )


def test_predictions_are_those_of_the_golden_samples(
    server: Server, golden: dict[str, Any]
) -> None:
    status, answer = predict(server, {"instances": golden["inputs"]})
    assert status == 200
    assert answer["predictions"] == pytest.approx(golden["outputs"], abs=golden["tolerance"])
    assert (answer["model"], answer["version"]) == ("fraud-detector", "2.1.0")
    assert set(answer) == {"predictions", "model", "version"}


def test_a_full_request_of_1024_rows_is_answered(server: Server) -> None:
    status, answer = predict(server, {"instances": [ROW] * 1024})
    assert status == 200
    assert len(answer["predictions"]) == 1024
    assert len(set(answer["predictions"])) == 1


def changed(value: object) -> list[list[object]]:
    return [[*ROW], [*ROW[:3], value, *ROW[4:]]]


@pytest.mark.parametrize(
    ("document", "status", "complaint"),
    [
        ([ROW], 400, 'the body must be a JSON object with the one key "instances"'),
        (None, 400, 'the body must be a JSON object with the one key "instances"'),
        ({}, 400, 'the body must be a JSON object with the one key "instances"'),
        (
            {"instances": [ROW], "inputs": []},
            400,
            'the body must be a JSON object with the one key "instances"',
        ),
        ({"instances": []}, 400, "instances must be a non-empty list of rows"),
        ({"instances": "a"}, 400, "instances must be a non-empty list of rows"),
        ({"instances": {"0": ROW}}, 400, "instances must be a non-empty list of rows"),
        ({"instances": ROW}, 400, "instances[0] is not a list of numbers"),
        ({"instances": [ROW, None]}, 400, "instances[1] is not a list of numbers"),
        ({"instances": [[]]}, 400, "instances[0] has 0 values; the model takes 10 features"),
        (
            {"instances": [ROW, ROW[:9]]},
            400,
            "instances[1] has 9 values; the model takes 10 features",
        ),
        (
            {"instances": [[*ROW, 1]]},
            400,
            "instances[0] has 11 values; the model takes 10 features",
        ),
        ({"instances": changed("0.2")}, 400, "instances[1][3] is not a number"),
        ({"instances": changed(None)}, 400, "instances[1][3] is not a number"),
        ({"instances": changed(True)}, 400, "instances[1][3] is not a number"),
        ({"instances": changed([1])}, 400, "instances[1][3] is not a number"),
        ({"instances": changed(1e39)}, 400, "instances[1][3] is not a finite FP32"),
        ({"instances": changed(-(10**60))}, 400, "instances[1][3] is not a finite FP32"),
        ({"instances": [ROW] * 1025}, 413, "instances has 1025 rows; at most 1024 are allowed"),
    ],
)
def test_a_wrong_request_is_refused_with_what_is_wrong(
    server: Server, document: object, status: int, complaint: str
) -> None:
    found, answer = predict(server, document)
    assert (found, answer["message"]) == (status, complaint)
    assert answer["code"] == {400: "bad_request", 413: "request_entity_too_large"}[status]
    assert answer.keys() == {"message", "code", "details", "request_id"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"instances",
        b'{"instances": [[1,2',
        b'{"instances": [[NaN]]}',
        b'{"instances": [[Infinity]]}',
        b'{"instances": [[1e999]]}',
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
def test_a_body_that_is_not_json_is_refused(server: Server, body: bytes) -> None:
    status, answer = server.request("POST", "/predict", body)
    assert status == 400
    assert json.loads(answer)["message"].startswith("the body is not valid JSON: ")


def test_a_body_above_the_limit_is_refused_and_one_below_is_read(server: Server) -> None:
    limit = Limits().bytes
    body = json.dumps({"instances": [ROW]}).encode()
    assert server.request("POST", "/predict", body.ljust(limit))[0] == 200
    status, answer = server.request("POST", "/predict", body.ljust(limit + 1))
    assert status == 413
    assert json.loads(answer)["message"] == f"the body has more than {limit} bytes"
    assert json.loads(answer)["details"] == {"limit": limit}


def test_a_large_body_without_an_announced_length_is_refused(server: Server) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    chunks = (b" " * 65536 for _ in range(65))
    connection.request("POST", "/predict", chunks, encode_chunked=True)
    response = connection.getresponse()
    assert response.status == 413
    connection.close()


@pytest.mark.parametrize("path", ["/", "/metric", "/health/", "/predict/x", "/HEALTH"])
def test_an_unknown_route_is_404_in_json(server: Server, path: str) -> None:
    status, body = server.request("GET", path)
    assert status == 404
    assert json.loads(body)["message"] == f"no such route: {path}"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/predict"),
        ("POST", "/health"),
        ("DELETE", "/ready"),
        ("PUT", "/predict"),
        ("TRACE", "/metrics"),
    ],
)
def test_a_wrong_method_is_405_in_json(server: Server, method: str, path: str) -> None:
    status, body = server.request(method, path)
    assert status == 405
    allowed = "POST" if path == "/predict" else "GET, HEAD"
    assert json.loads(body)["message"] == f"only {allowed} here"


def test_concurrent_callers_each_get_their_own_answer(
    server: Server, golden: dict[str, Any]
) -> None:
    wrong: list[object] = []

    def call(index: int) -> None:
        for _ in range(20):
            status, answer = predict(server, {"instances": [golden["inputs"][index]]})
            expected = pytest.approx([golden["outputs"][index]], abs=golden["tolerance"])
            if status != 200 or answer["predictions"] != expected:
                wrong.append(answer)

    threads = [threading.Thread(target=call, args=(index,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
