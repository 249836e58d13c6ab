"""A store of files and the real server, for tests of the inference service."""

import functools
import hashlib
import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).resolve().parents[3]
INFERENCE = ROOT / "inference"
COMMITTED_MODEL = ROOT / "models" / "fraud-detector" / "2.1.0"
BUCKET = "models"
PREFIX = "fraud-detector/v2.1.0"
URI = f"s3://{BUCKET}/{PREFIX}"
# As a port: one that nobody has.
FREE = "free"
# One row for the committed model.
ROW = [89.5, 14, 12.5, 0.2, 3, 1.1, 240.0, 1200, 0, 1]


def sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def listing_digest(files: dict[str, bytes]) -> str:
    """The artifact digest as the specification words it, written apart from the app's code."""
    text = ""
    for name in sorted(files):
        text += hashlib.sha256(files[name]).hexdigest() + "  " + name + "\n"
    return sha256(text.encode())


def release_document(
    files: dict[str, bytes], uri: str = URI, format_name: str = "onnx", model: str = "model.onnx"
) -> dict[str, Any]:
    return {
        "name": "fraud-detector",
        "version": "2.1.0",
        "uri": uri,
        "format": format_name,
        "model": model,
        "files": sorted(files),
        "artifactDigest": listing_digest(files),
        "goldenDigest": sha256(files["golden.json"]) if "golden.json" in files else "",
    }


@dataclass
class FileStore:
    """A folder served as buckets: path-style GET of an object is a GET of a file.

    requests: (path, Authorization header) of each request, in order.
    refuse_with: when set, every answer is this status and S3 error code.
    """

    folder: Path
    endpoint: str = ""
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    refuse_with: tuple[int, str] | None = None

    def put(self, files: dict[str, bytes], prefix: str = PREFIX) -> None:
        target = self.folder / BUCKET / prefix
        target.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (target / name).write_bytes(content)


@contextmanager
def serve_files(folder: Path) -> Iterator[FileStore]:
    """A FileStore on a port of its own, empty, in the new folder `folder`."""
    store = FileStore(folder)
    folder.mkdir()

    class Handler(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            store.requests.append((unquote(self.path), self.headers.get("Authorization")))
            if store.refuse_with is None:
                super().do_GET()
                return
            status, code = store.refuse_with
            body = f"<Error><Code>{code}</Code><AWSAccessKeyId>KEY</AWSAccessKeyId></Error>"
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def end_headers(self) -> None:
            self.send_header("ETag", '"of-any-content"')
            super().end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    handler = functools.partial(Handler, directory=str(store.folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        store.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield store
        server.shutdown()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Server:
    """A real uvicorn process that serves the app; grpc_port is opened where it is asked for."""

    process: subprocess.Popen[str]
    port: int
    grpc_port: int

    def request(
        self, method: str, path: str, body: bytes | None = None, timeout: float = 10
    ) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            headers = {"content-type": "application/json"} if body is not None else {}
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def wait_until_healthy(self) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if self.request("GET", "/health")[0] == 200:
                    return
            except OSError:
                time.sleep(0.05)
        self.process.kill()
        pytest.fail(f"the server did not start: {self.process.communicate()[1]}")

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        self.process.communicate(timeout=20)

    def outcome(self, timeout: float = 90) -> tuple[int, list[str]]:
        """Exit code and the lines on stderr that only say what goes on as it should."""
        _, stderr = self.process.communicate(timeout=timeout)
        return self.process.returncode, [
            line
            for line in stderr.splitlines()
            if not line.startswith("INFO:") and '"level":"info"' not in line
        ]


def run_server(release: dict[str, Any] | None, home: Path, environment: dict[str, str]) -> Server:
    """Start uvicorn as the image does. `home` gets the release file and is its HOME."""
    release_file = home / "release.json"
    if release is not None:
        release_file.write_text(json.dumps(release))
    port, grpc_port = free_port(), free_port()
    # A clean environment: the developer's own AWS or CI variables must not decide a test.
    clean = {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
    if environment.get("MLIFECYCLE_GRPC_PORT") == FREE:
        environment = {**environment, "MLIFECYCLE_GRPC_PORT": str(grpc_port)}
    command = ["-m", "uvicorn", "app.main:app", "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(
        [sys.executable, *command],
        cwd=INFERENCE,
        env={**clean, "MLIFECYCLE_RELEASE_FILE": str(release_file), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    return Server(process, port, grpc_port)


@contextmanager
def serve_model(files: dict[str, bytes], home: Path) -> Iterator[Server]:
    """The real server, healthy, with these files and a store of them in the folder `home`."""
    with serve_files(home / "store") as store:
        store.put(files)
        environment = {
            "MLIFECYCLE_MODEL_STORE_ENDPOINT": store.endpoint,
            "MLIFECYCLE_GRPC_PORT": FREE,
        }
        server = run_server(release_document(files), home, environment)
        server.wait_until_healthy()
        yield server
        server.end()
