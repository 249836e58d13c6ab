"""The Open Inference Protocol over gRPC, asked of the real server."""

import hashlib
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from app.grpc_messages import SERVICE, message
from local_serving import FREE, FileStore, Server, release_document

NAME, VERSION = "fraud-detector", "2.1.0"
Method = Callable[..., Any]


def method_of(channel: grpc.Channel, name: str) -> Method:
    """A method of the protocol, with a request's fields as arguments."""
    call = channel.unary_unary(
        f"/{SERVICE}/{name}",
        request_serializer=message(f"{name}Request").SerializeToString,
        response_deserializer=message(f"{name}Response").FromString,
    )

    def ask(metadata: tuple[tuple[str, str], ...] = (), **fields: Any) -> Any:
        return call(message(f"{name}Request")(**fields), timeout=10, metadata=metadata)

    return ask


@pytest.fixture
def channel(sums: Server) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(f"127.0.0.1:{sums.grpc_port}") as channel:
        yield channel


@pytest.fixture
def infer(channel: grpc.Channel) -> Method:
    return method_of(channel, "ModelInfer")


def tensor(name: str, values: list[float] | None = None, **more: Any) -> dict[str, Any]:
    content = {} if values is None else {"contents": {"fp32_contents": values}}
    return {"name": name, "datatype": "FP32", "shape": [1, 2], **content, **more}


def test_server_and_model_say_what_they_are(channel: grpc.Channel) -> None:
    assert method_of(channel, "ServerLive")().live
    assert method_of(channel, "ServerReady")().ready
    assert method_of(channel, "ModelReady")(name=NAME, version=VERSION).ready
    assert method_of(channel, "ServerMetadata")().name == "mlifecycle"
    found = method_of(channel, "ModelMetadata")(name=NAME)
    assert (found.name, list(found.versions), found.platform) == (NAME, [VERSION], "onnx")
    assert [(item.name, item.datatype, list(item.shape)) for item in found.inputs] == [
        ("x", "FP32", [-1, 2]),
        ("z", "FP32", [-1, 2]),
    ]
    assert [item.name for item in found.outputs] == ["y", "same"]
    assert dict(found.properties) == {"predictions": "verified"}


def test_values_are_answered_by_values_and_bytes_by_bytes(infer: Method) -> None:
    typed = infer(model_name=NAME, id="7", inputs=[tensor("z", [10, 20.5]), tensor("x", [1, 2])])
    assert (typed.id, typed.model_name, typed.model_version) == ("7", NAME, VERSION)
    assert [item.name for item in typed.outputs] == ["y", "same"]
    assert list(typed.outputs[0].contents.fp32_contents) == [11, 22.5]
    assert not typed.raw_output_contents
    raw = infer(
        model_name=NAME,
        model_version=VERSION,
        inputs=[tensor("x"), tensor("z")],
        raw_input_contents=[np.array(row, "<f4").tobytes() for row in ([1, 2], [10, 20.5])],
        outputs=[{"name": "y"}],
    )
    assert [list(item.shape) for item in raw.outputs] == [[1, 2]]
    assert np.frombuffer(raw.raw_output_contents[0], "<f4").tolist() == [11, 22.5]


def test_texts_go_in_and_out(texts: Server) -> None:
    words = [word.encode() for word in ("grün", "")]
    item = {"name": "x", "datatype": "BYTES", "shape": [1, 2]}
    with grpc.insecure_channel(f"127.0.0.1:{texts.grpc_port}") as channel:
        ask = method_of(channel, "ModelInfer")
        answer = ask(model_name=NAME, inputs=[{**item, "contents": {"bytes_contents": words}}])
        assert list(answer.outputs[0].contents.bytes_contents) == words
        with pytest.raises(grpc.RpcError) as caught:
            ask(model_name=NAME, inputs=[{**item, "contents": {"bytes_contents": [b"\xff", b""]}}])
    assert "no text in UTF-8" in caught.value.details()


X, Z = tensor("x", [1, 2]), tensor("z", [1, 2])
INVALID, ABSENT = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize(
    ("request_", "status", "words"),
    [
        ({"model_name": "other"}, ABSENT, "no such model: 'other'"),
        ({"model_name": NAME, "model_version": "9"}, ABSENT, "no such model"),
        ({"inputs": []}, INVALID, "inputs must be a non-empty list"),
        ({"inputs": [X]}, INVALID, "also needs input 'z'"),
        ({"inputs": [X, X, Z]}, INVALID, "'x' is given twice"),
        ({"inputs": [X, tensor("z", [1])]}, INVALID, "needs 8"),
        ({"inputs": [X, tensor("z", [1, float("nan")])]}, INVALID, "not a finite FP32"),
        ({"inputs": [X, tensor("z", [1, 2], datatype="FP64")]}, INVALID, "values are its fp64"),
        ({"inputs": [X, tensor("z", datatype="FP16")]}, INVALID, "send raw_input_contents"),
        ({"inputs": [X, tensor("z", [1, 2], shape=[2**40, 2])]}, None, "rows; at most 1024"),
        ({"inputs": [X, Z], "raw_input_contents": [b"12345678"]}, INVALID, "has 1 of 2 tensors"),
        (
            {"inputs": [X, Z], "raw_input_contents": [b"12345678"] * 2},
            INVALID,
            "has contents, and raw_input_contents too",
        ),
        ({"inputs": [X, Z], "outputs": [{"name": "q"}]}, INVALID, "has no output 'q'"),
        ({"inputs": [X, Z], "id": "a" * 257}, INVALID, "id must be"),
    ],
)
def test_what_is_wrong_is_said(
    infer: Method, request_: dict[str, Any], status: grpc.StatusCode | None, words: str
) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        infer(**{"model_name": NAME, **request_})
    assert caught.value.code() is (status or grpc.StatusCode.RESOURCE_EXHAUSTED)
    assert words in caught.value.details()


def test_more_bytes_than_are_taken_are_refused(infer: Method) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        infer(model_name=NAME, raw_input_contents=[bytes(5 * 1024 * 1024)])
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_calls_are_counted_by_method_and_status(infer: Method, sums: Server) -> None:
    with pytest.raises(grpc.RpcError):
        infer(model_name="other")
    infer(model_name=NAME, inputs=[X, Z])
    text = sums.request("GET", "/metrics")[1].decode()
    for status in (200, 404):
        route = f'route="/{SERVICE}/ModelInfer",status="{status}"'
        assert re.search(
            rf"^inference_requests_total{{{re.escape(route)}}} [1-9]", text, re.MULTILINE
        )
    assert 'name="other"' not in text


def test_only_callers_with_a_key_are_answered(
    start_server: Callable[..., Server],
    file_store: FileStore,
    committed_files: dict[str, bytes],
    tmp_path: Path,
) -> None:
    key = "a-key-of-a-caller-0123456789abcd"
    keys = tmp_path / "keys"
    keys.write_text(f"sha256:{hashlib.sha256(key.encode()).hexdigest()}\n")
    file_store.put(committed_files)
    server = start_server(
        release_document(committed_files),
        MLIFECYCLE_MODEL_STORE_ENDPOINT=file_store.endpoint,
        MLIFECYCLE_CALLERS=str(keys),
        MLIFECYCLE_GRPC_PORT=FREE,
    )
    server.wait_until_healthy()
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        assert method_of(channel, "ServerReady")().ready
        ask = method_of(channel, "ModelMetadata")
        for wrong in ((), (("x-api-key", "another"),)):
            with pytest.raises(grpc.RpcError) as caught:
                ask(wrong, name=NAME)
            assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
        assert ask((("x-api-key", key),), name=NAME).name == NAME
        assert ask((("authorization", f"Bearer {key}"),), name=NAME).name == NAME


def test_what_is_held_at_the_end_is_answered_and_the_process_ends(
    start_server: Callable[..., Server], file_store: FileStore, committed_files: dict[str, bytes]
) -> None:
    file_store.put(committed_files)
    server = start_server(
        release_document(committed_files),
        MLIFECYCLE_MODEL_STORE_ENDPOINT=file_store.endpoint,
        MLIFECYCLE_GRPC_PORT=FREE,
    )
    server.wait_until_healthy()
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        ask = method_of(channel, "ServerReady")
        assert ask().ready
        server.process.terminate()
        assert server.outcome(timeout=10)[1] == []


@pytest.mark.parametrize("port", ["none", "0", "70000", "taken"])
def test_a_port_that_cannot_be_had_ends_the_process_with_one_line(
    port: str,
    start_server: Callable[..., Server],
    file_store: FileStore,
    committed_files: dict[str, bytes],
) -> None:
    file_store.put(committed_files)
    with socket.create_server(("0.0.0.0", 0)) as listener:
        taken = listener.getsockname()[1]
        server = start_server(
            release_document(committed_files),
            MLIFECYCLE_MODEL_STORE_ENDPOINT=file_store.endpoint,
            MLIFECYCLE_GRPC_PORT=str(taken) if port == "taken" else port,
        )
        code, lines = server.outcome()
    assert code != 0
    assert len(lines) == 1, lines
    assert ("gRPC port" if port == "taken" else "MLIFECYCLE_GRPC_PORT") in lines[0]
