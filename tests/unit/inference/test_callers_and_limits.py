"""Who may ask, and how much: what the environment says, and nothing else, decides."""

import hashlib
import json
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from app.callers import Callers
from app.errors import RequestError
from local_serving import ROW, FileStore, Server, release_document

StartServer = Callable[..., Server]
KEYS = ("first-key-of-a-caller-0123456789", "second-key-of-a-caller-0123456789")
BODY = json.dumps({"instances": [ROW]}).encode()


def digest(key: str) -> str:
    return f"sha256:{hashlib.sha256(key.encode()).hexdigest()}"


def start(
    start_server: StartServer,
    file_store: FileStore,
    files: dict[str, bytes],
    **environment: str,
) -> Server:
    file_store.put(files)
    return start_server(
        release_document(files), MLIFECYCLE_MODEL_STORE_ENDPOINT=file_store.endpoint, **environment
    )


def ask(server: Server, method: str, path: str, **headers: str) -> tuple[int, Any]:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        sent = {"content-type": "application/json"} if method == "POST" else {}
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, BODY if method == "POST" else None, {**sent, **given})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def test_only_callers_with_a_key_are_answered(
    start_server: StartServer,
    file_store: FileStore,
    committed_files: dict[str, bytes],
    tmp_path: Path,
) -> None:
    keys = tmp_path / "keys"
    keys.write_text("".join(f"{digest(key)}\n" for key in KEYS))
    server = start(start_server, file_store, committed_files, MLIFECYCLE_CALLERS=str(keys))
    server.wait_until_healthy()
    infer = "/v2/models/fraud-detector/infer"
    for method, path in (
        ("POST", "/predict"),
        ("POST", infer),
        ("GET", "/v2/models/fraud-detector"),
        ("GET", "/openapi.json"),
        ("GET", "/elsewhere"),
    ):
        status, body = ask(server, method, path)
        answer = json.loads(body)
        words = answer["error" if path.startswith("/v2") else "message"]
        assert (status, words) == (401, "a key is needed: send it as x-api-key"), path
        assert answer["code"] == "unauthorized"
    for headers in (
        {"x_api_key": ""},
        {"x_api_key": KEYS[0][:-1]},
        {"x_api_key": digest(KEYS[0])},
        {"authorization": KEYS[0]},
        {"authorization": f"Basic {KEYS[0]}"},
        {"authorization": "Bearer"},
    ):
        assert ask(server, "POST", "/predict", **headers)[0] == 401, headers
    for headers in (
        {"x_api_key": KEYS[0]},
        {"x_api_key": KEYS[1]},
        {"authorization": f"Bearer {KEYS[1]}"},
        {"authorization": f"bearer  {KEYS[0]}"},
        # A proxy may need the one for itself.
        {"authorization": "Basic x", "x_api_key": KEYS[0]},
    ):
        assert ask(server, "POST", "/predict", **headers)[0] == 200, headers
    for path in ("/health", "/ready", "/metrics", "/v2/health/live", "/v2/health/ready"):
        assert ask(server, "GET", path)[0] == 200, path
    document = json.loads(ask(server, "GET", "/openapi.json", x_api_key=KEYS[0])[1])
    assert document["security"] == [{"key": []}]
    metrics = ask(server, "GET", "/metrics")[1].decode()
    assert 'inference_requests_total{route="/predict",status="401"} 7.0' in metrics


@pytest.mark.parametrize("text", ["", "\n", KEYS[0], f"{digest('x')} {digest('x')[:-1]}", "ä"])
def test_a_file_of_keys_that_is_none_ends_the_process(
    start_server: StartServer,
    file_store: FileStore,
    committed_files: dict[str, bytes],
    tmp_path: Path,
    text: str,
) -> None:
    keys = tmp_path / "keys"
    keys.write_text(text)
    server = start(start_server, file_store, committed_files, MLIFECYCLE_CALLERS=str(keys))
    code, lines = server.outcome()
    assert code == 3
    assert lines[0].startswith(f"Callers' keys: {keys} "), lines
    assert KEYS[0] not in "".join(lines)


def test_every_key_is_compared_whatever_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the time until an answer would tell which key was meant."""
    compared = []

    def compare(first: bytes, second: bytes) -> bool:
        compared.append(second)
        return first == second

    monkeypatch.setattr("app.callers.hmac.compare_digest", compare)
    known = [hashlib.sha256(key.encode()).digest() for key in KEYS]
    callers = Callers(known)
    callers.require([(b"x-api-key", KEYS[0].encode())])
    assert compared == known
    with pytest.raises(RequestError):
        callers.require([(b"x-api-key", b"other")])
    assert compared == known * 2


def test_limits_are_those_of_the_environment(
    start_server: StartServer, file_store: FileStore, committed_files: dict[str, bytes]
) -> None:
    size = len(json.dumps({"instances": [ROW] * 2}))
    limits = {"MLIFECYCLE_MAX_ROWS": "2", "MLIFECYCLE_MAX_BYTES": str(size + 10)}
    server = start(start_server, file_store, committed_files, **limits)
    server.wait_until_healthy()
    rows = [json.dumps({"instances": [ROW[:10]] * count}).encode() for count in (2, 3)]
    assert server.request("POST", "/predict", rows[0])[0] == 200
    assert server.request("POST", "/predict", rows[0].ljust(size + 10))[0] == 200
    status, body = server.request("POST", "/predict", rows[0].ljust(size + 11))
    assert (status, json.loads(body)["details"]) == (413, {"limit": size + 10})
    short = json.dumps({"instances": [[0] * 10] * 3}).encode()
    assert len(short) <= size + 10
    status, body = server.request("POST", "/predict", short)
    assert (status, json.loads(body)["details"]) == (413, {"limit": 2})
    document = json.loads(server.request("GET", "/openapi.json")[1])
    schema = document["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]
    assert schema["schema"]["properties"]["instances"]["maxItems"] == 2


@pytest.mark.parametrize("value", ["0", "-1", "many", "1.5", "99999999999"])
def test_a_limit_that_is_no_number_ends_the_process(
    start_server: StartServer,
    file_store: FileStore,
    committed_files: dict[str, bytes],
    value: str,
) -> None:
    server = start(start_server, file_store, committed_files, MLIFECYCLE_MAX_ROWS=value)
    code, lines = server.outcome()
    assert code == 3
    assert lines[0] == f"MLIFECYCLE_MAX_ROWS is {value!r}, not a number above 0"
