"""Starting and ending, observed from outside: exit code, stderr, files, signals.

A process that can't serve its model ends non-zero and says why in one line: no traceback, and
nothing after the cause but the exit.
"""

import json
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx_bytes
import pytest
from local_serving import (
    INFERENCE,
    PREFIX,
    URI,
    FileStore,
    Server,
    listing_digest,
    release_document,
)

Files = dict[str, bytes]
StartServer = Callable[..., Server]


def assert_ends_with(server: Server, line: str) -> None:
    code, stderr = server.outcome()
    assert stderr == [line]
    assert code == 3


@pytest.mark.parametrize(
    ("present", "missing"),
    [([], "model.onnx"), (["golden.json"], "model.onnx"), (["model.onnx"], "golden.json")],
)
def test_an_absent_file_ends_the_process_with_one_line(
    file_store: FileStore,
    start_server: StartServer,
    committed_files: Files,
    present: list[str],
    missing: str,
) -> None:
    file_store.put({name: committed_files[name] for name in present})
    server = start_server(
        release_document(committed_files), MLIFECYCLE_MODEL_STORE_ENDPOINT=file_store.endpoint
    )
    assert_ends_with(server, f"Model file not found at {URI}/{missing}")


def test_a_wrong_digest_ends_the_process_with_both_values(
    file_store: FileStore, start_server: StartServer, committed_files: Files
) -> None:
    stored = committed_files | {"model.onnx": committed_files["model.onnx"] + b"\x00"}
    file_store.put(stored)
    server = start_server(
        release_document(committed_files), MLIFECYCLE_MODEL_STORE_ENDPOINT=file_store.endpoint
    )
    assert_ends_with(
        server,
        f"Model artifact digest mismatch at {URI}: "
        f"expected {listing_digest(committed_files)}, got {listing_digest(stored)}",
    )


def test_an_unloadable_model_ends_the_process_with_one_line(
    file_store: FileStore, start_server: StartServer, committed_files: Files
) -> None:
    # Well-formed Protocol Buffers, so that ONNX Runtime itself is what refuses it.
    files = committed_files | {"model.onnx": b"\x08\x08"}
    file_store.put(files)
    server = start_server(
        release_document(files), MLIFECYCLE_MODEL_STORE_ENDPOINT=file_store.endpoint
    )
    code, stderr = server.outcome()
    assert code == 3
    assert len(stderr) == 1
    assert stderr[0].startswith(f"Model {URI}/model.onnx can't be loaded: [ONNXRuntimeError]")


def test_a_model_that_fails_on_its_golden_inputs_ends_the_process_with_one_line(
    file_store: FileStore, start_server: StartServer, committed_files: Files
) -> None:
    files = committed_files | {"model.onnx": onnx_bytes.failing_model()}
    file_store.put(files)
    server = start_server(
        release_document(files), MLIFECYCLE_MODEL_STORE_ENDPOINT=file_store.endpoint
    )
    code, stderr = server.outcome()
    assert code == 3
    # ONNX Runtime logs such a failure to stderr itself unless it is told not to.
    assert len(stderr) == 1
    assert stderr[0].startswith(f"Model {URI}/model.onnx can't predict: [ONNXRuntimeError]")


def test_a_golden_mismatch_ends_the_process_with_both_values(
    file_store: FileStore, start_server: StartServer, committed_files: Files, golden: dict[str, Any]
) -> None:
    wrong = golden | {"outputs": [0.5, *golden["outputs"][1:]]}
    files = committed_files | {"golden.json": json.dumps(wrong).encode()}
    file_store.put(files)
    server = start_server(
        release_document(files), MLIFECYCLE_MODEL_STORE_ENDPOINT=file_store.endpoint
    )
    code, [line] = server.outcome()
    assert code == 3
    assert line.startswith(
        f"Golden sample 0 does not match {URI}/model.onnx: expected fraud_probability 0.5, got 0.0"
    )
    assert line.endswith("(tolerance 1e-05)")


def test_an_unreachable_store_ends_the_process_with_the_cause(
    start_server: StartServer, committed_files: Files
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening: connections are refused
        endpoint = f"http://127.0.0.1:{taken.getsockname()[1]}"
        server = start_server(
            release_document(committed_files), MLIFECYCLE_MODEL_STORE_ENDPOINT=endpoint
        )
        assert_ends_with(
            server,
            f"Model store can't deliver {URI}/model.onnx: "
            "HTTP error: error sending request (Connection refused)",
        )


def test_another_scheme_ends_the_process_with_one_line(
    start_server: StartServer, committed_files: Files
) -> None:
    server = start_server(release_document(committed_files, "hf://organisation/model"))
    assert_ends_with(
        server,
        "Model uri hf://organisation/model can't be fetched: this service fetches s3://, gs://, "
        "abfs://, abfss://, https://, oci://",
    )


def test_a_missing_release_file_ends_the_process_with_one_line(
    start_server: StartServer, tmp_path: Path
) -> None:
    assert_ends_with(
        start_server(None),
        f"Release file {tmp_path}/release.json can't be read: No such file or directory",
    )


def test_our_own_bug_keeps_its_traceback_and_still_ends_non_zero(
    start_server: StartServer, committed_files: Files, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "sitecustomize.py").write_text(
        "import app.main\n"
        "def fail(*_): raise ZeroDivisionError('a bug of ours')\n"
        "app.main.prepare_model = fail\n"
    )
    server = start_server(
        release_document(committed_files),
        PYTHONPATH=f"{broken}:{INFERENCE}",
    )
    code, stderr = server.outcome()
    assert code == 3
    (line,) = [json.loads(line) for line in stderr if "a bug of ours" in line]
    assert line["level"] == "error"
    assert line["exception"].startswith("Traceback")


def test_credentials_are_used_and_never_shown(
    file_store: FileStore, start_server: StartServer, committed_files: Files, tmp_path: Path
) -> None:
    secrets = tmp_path / "credentials"
    secrets.mkdir()
    (secrets / "accessKeyId").write_text("AKIDEXAMPLE")
    (secrets / "secretAccessKey").write_text("not-a-real-secret")
    file_store.refuse_with = (403, "SignatureDoesNotMatch")
    server = start_server(
        release_document(committed_files),
        MLIFECYCLE_MODEL_STORE_ENDPOINT=file_store.endpoint,
        MLIFECYCLE_MODEL_STORE_CREDENTIALS=str(secrets),
    )
    assert_ends_with(
        server, f"Model store refuses access to {URI}/model.onnx: SignatureDoesNotMatch"
    )
    assert "AKIDEXAMPLE" in (file_store.requests[0][1] or "")


def test_the_port_opens_only_once_the_model_is_proven(
    file_store: FileStore, start_server: StartServer, committed_files: Files
) -> None:
    file_store.put(committed_files)
    server = start_server(
        release_document(committed_files), MLIFECYCLE_MODEL_STORE_ENDPOINT=file_store.endpoint
    )
    server.wait_until_healthy()
    assert [path for path, _ in file_store.requests] == [
        f"/models/{PREFIX}/model.onnx",
        f"/models/{PREFIX}/golden.json",
    ]
    assert server.request("GET", "/ready")[0] == 200


def test_sigterm_lets_a_running_request_finish_and_ends_the_process(serving: Server) -> None:
    body = json.dumps({"instances": [[1] * 10] * 500}).encode()
    head = f"Host: x\r\nContent-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n"
    with socket.create_connection(("127.0.0.1", serving.port), timeout=30) as client:
        client.sendall(b"POST /predict HTTP/1.1\r\n" + head.encode())
        assert client.recv(1024).startswith(b"HTTP/1.1 100")  # the app waits for the body
        serving.process.send_signal(signal.SIGTERM)
        assert serving.process.stderr is not None
        assert any("Shutting down" in line for line in serving.process.stderr)
        assert serving.process.poll() is None
        client.sendall(body)
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 200 OK")
    predictions = json.loads(answer.split(b"\r\n\r\n", 1)[1])["predictions"]
    assert len(predictions) == 500
    # uvicorn ends itself by the signal that it was sent, as a shell expects.
    assert serving.outcome(timeout=20) == (-signal.SIGTERM, [])


def test_the_runtimes_telemetry_never_starts(serving: Server, tmp_path: Path) -> None:
    serving.end()
    # HOME is tmp_path: the uploader would have left its database and a device id under it.
    assert not (tmp_path / ".cache").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["release.json", "store"]
