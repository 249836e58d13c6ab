"""The app in this process, for what can't be provoked from outside."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from app import http as app_http
from app.main import Application
from local_serving import ROW, FileStore, release_document

Receive = Callable[[], Awaitable[dict[str, Any]]]


async def receive_json() -> dict[str, Any]:
    return {"type": "http.request", "body": json.dumps({"instances": [ROW]}).encode()}


async def ask(
    app: Application, method: str, path: str, receive: Receive = receive_json
) -> tuple[int, bytes]:
    """One request to the app in this process, as a server would hand it over."""
    sent: list[Any] = []
    scope = {"type": "http", "method": method, "path": path, "headers": []}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    status = sent[0]["status"] if sent else 0
    return status, b"".join(part.get("body", b"") for part in sent[1:])


@contextlib.asynccontextmanager
async def living(app: Application) -> AsyncIterator[None]:
    """Between the lifespan's start and its end, as a server would bring them about."""
    steps: asyncio.Queue[Any] = asyncio.Queue()
    heard: asyncio.Queue[Any] = asyncio.Queue()
    task = asyncio.create_task(app({"type": "lifespan"}, steps.get, heard.put))
    await steps.put({"type": "lifespan.startup"})
    assert (await heard.get())["type"] == "lifespan.startup.complete"
    yield
    await steps.put({"type": "lifespan.shutdown"})
    assert (await heard.get())["type"] == "lifespan.shutdown.complete"
    await task


@pytest.fixture
def app_here(
    file_store: FileStore, committed_files: dict[str, bytes], tmp_path: Path
) -> Application:
    """The app in this process, for what can't be provoked from outside. Not started."""
    file_store.put(committed_files)
    release_file = tmp_path / "release.json"
    release_file.write_text(json.dumps(release_document(committed_files)))
    return Application(
        {
            "MLIFECYCLE_RELEASE_FILE": str(release_file),
            "MLIFECYCLE_MODEL_STORE_ENDPOINT": file_store.endpoint,
        }
    )


def test_nothing_is_ready_before_loading_and_after_shutdown_began(app_here: Application) -> None:
    not_ready = (503, b'{"status": "not ready"}')

    async def live() -> None:
        assert await ask(app_here, "GET", "/ready") == not_ready
        assert await ask(app_here, "GET", "/v2/health/ready") == (503, b'{"ready": false}')
        async with living(app_here):
            assert (await ask(app_here, "GET", "/ready"))[0] == 200
            assert (await ask(app_here, "POST", "/predict"))[0] == 200
        assert await ask(app_here, "GET", "/ready") == not_ready
        status, body = await ask(app_here, "POST", "/predict")
        assert (status, json.loads(body)["message"]) == (503, "not ready")
        assert await ask(app_here, "GET", "/health") == (200, b'{"status": "healthy"}')

    asyncio.run(live())


def test_a_body_that_does_not_arrive_is_given_up(
    app_here: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app_http, "BODY_SECONDS", 0.05)

    async def receive_nothing() -> dict[str, Any]:
        await asyncio.sleep(60)
        raise AssertionError("the body was waited for")

    async def live() -> None:
        async with living(app_here):
            status, body = await ask(app_here, "POST", "/predict", receive_nothing)
        assert status == 408
        assert json.loads(body)["message"] == "the body did not arrive within 0.05 s"

    asyncio.run(live())


def test_bodies_that_arrive_together_take_no_more_memory_than_there_is(
    app_here: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app_http, "MAX_HELD_BYTES", 3000)
    gate = asyncio.Event()

    def slowly() -> Receive:
        parts = iter((b" " * 1000, b" " * 1000, json.dumps({"instances": [ROW]}).encode()))

        async def receive() -> dict[str, Any]:
            body = next(parts)
            if body.startswith(b"{"):
                await gate.wait()
            return {"type": "http.request", "body": body, "more_body": not body.startswith(b"{")}

        return receive

    async def live() -> None:
        async with living(app_here):
            first = asyncio.create_task(ask(app_here, "POST", "/predict", slowly()))
            await asyncio.sleep(0.01)
            status, body = await ask(app_here, "POST", "/predict", slowly())
            assert (status, json.loads(body)["code"]) == (503, "service_unavailable")
            gate.set()
            assert (await first)[0] == 200
            assert (await ask(app_here, "POST", "/predict", slowly()))[0] == 200

    asyncio.run(live())


def test_a_caller_that_goes_away_is_not_an_error_of_ours(app_here: Application) -> None:
    async def receive_disconnect() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def live() -> None:
        async with living(app_here):
            assert await ask(app_here, "POST", "/predict", receive_disconnect) == (0, b"")
            _, text = await ask(app_here, "GET", "/metrics")
        assert b'inference_requests_total{route="/predict",status="499"} 1.0' in text

    asyncio.run(live())


def test_a_failing_prediction_tells_the_caller_nothing_and_the_log_all(
    app_here: Application, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("inner detail")

    async def live() -> tuple[int, bytes]:
        async with living(app_here):
            monkeypatch.setattr("app.batching.Batcher._infer", fail)
            return await ask(app_here, "POST", "/predict")

    status, body = asyncio.run(live())
    assert (status, json.loads(body)["message"]) == (500, "internal error")
    assert b"inner detail" not in body
    line = json.loads(capsys.readouterr().err.strip().splitlines()[-1])
    assert "ZeroDivisionError: inner detail" in line["exception"]
