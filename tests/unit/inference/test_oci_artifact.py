"""Models from an OCI registry: what it says, what it wants, and what it lacks."""

import base64
import gzip
import hashlib
import io
import json
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from app.errors import StartupError
from app.store import StoreSettings, fetch_artifact

WEIGHT = "application/vnd.cncf.model.weight.v1"
IMAGE_LAYER = "application/vnd.oci.image.layer.v1"
LOGIN = "reader:a-password"


def sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def archive(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as made:
        for name, content in files.items():
            item = tarfile.TarInfo(name)
            item.size = len(content)
            made.addfile(item, io.BytesIO(content))
    return stream.getvalue()


@dataclass
class Registry:
    """A registry of one repository.

    wants: how callers say who they are: "", "basic" or "bearer". busy: how many requests it turns
    away first. elsewhere: the server to which it sends callers for blobs.
    """

    host: str = ""
    wants: str = ""
    busy: int = 0
    elsewhere: str = ""
    contents: dict[str, bytes] = field(default_factory=dict)
    requests: list[tuple[str, str | None]] = field(default_factory=list)

    def add(self, *layers: tuple[str, bytes, str]) -> str:
        """Layers by media type, content and title; the artifact's uri."""
        described = []
        for kind, content, title in layers:
            self.contents[f"/v2/models/m/blobs/{sha256(content)}"] = content
            annotations = {"org.cncf.model.filepath": title} if title else {}
            described.append(
                {
                    "mediaType": kind,
                    "digest": sha256(content),
                    "size": len(content),
                    "annotations": annotations,
                }
            )
        manifest = json.dumps({"schemaVersion": 2, "layers": described}).encode()
        self.contents[f"/v2/models/m/manifests/{sha256(manifest)}"] = manifest
        return f"oci://{self.host}/models/m@{sha256(manifest)}"


@pytest.fixture
def registry() -> Iterator[Registry]:
    made = Registry()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            authorization = self.headers.get("Authorization")
            made.requests.append((self.path, authorization))
            basic = f"Basic {base64.b64encode(LOGIN.encode()).decode()}"
            if self.path.startswith("/token"):
                given = {"token": "a-token"} if authorization == basic else {"token": "public"}
                self.reply(200, json.dumps(given).encode())
            elif made.busy:
                made.busy -= 1
                self.reply(503, b"")
            elif made.wants == "basic" and authorization != basic:
                self.reply(401, b"", **{"WWW-Authenticate": 'Basic realm="x"'})
            elif made.wants == "bearer" and authorization != "Bearer a-token":
                realm = f'Bearer realm="http://{made.host}/token",service="s",scope="pull"'
                self.reply(401, b"", **{"WWW-Authenticate": realm})
            elif made.elsewhere and "/blobs/" in self.path:
                self.reply(307, b"", Location=f"{made.elsewhere}{self.path}")
            elif self.path in made.contents:
                self.reply(200, made.contents[self.path])
            else:
                self.reply(404, b"{}")

        def reply(self, status: int, body: bytes, **headers: str) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made.host = f"127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield made
        server.shutdown()


def settings_for(registry: Registry, credentials: Path | None = None) -> StoreSettings:
    return StoreSettings(f"http://{registry.host}", credentials=credentials)


@pytest.fixture
def login(tmp_path: Path) -> Path:
    (tmp_path / "key").write_text(f"{LOGIN}\n")
    return tmp_path


FILES = {"model.onnx": b"weights", "golden.json": b"{}"}


@pytest.mark.parametrize("form", ["files", "archives", "image"])
def test_files_are_layers_or_lie_in_layers(registry: Registry, form: str) -> None:
    uri = {
        "files": lambda: registry.add(
            *((f"{WEIGHT}.raw", content, name) for name, content in FILES.items())
        ),
        "archives": lambda: registry.add(
            (f"{WEIGHT}.tar", archive({"./model.onnx": b"weights"}), "model"),
            (f"{WEIGHT}.tar+gzip", gzip.compress(archive({"golden.json": b"{}"})), "golden"),
        ),
        "image": lambda: registry.add(
            (f"{IMAGE_LAYER}.tar+gzip", gzip.compress(archive({"models/model.onnx": b"old"})), ""),
            (
                f"{IMAGE_LAYER}.tar+gzip",
                gzip.compress(
                    archive(
                        {"model.onnx": b"elsewhere", **{f"models/{k}": v for k, v in FILES.items()}}
                    )
                ),
                "",
            ),
        ),
    }[form]()
    assert fetch_artifact(uri, FILES, settings_for(registry)) == FILES


@pytest.mark.parametrize("wants", ["basic", "bearer"])
def test_a_registry_is_told_who_asks(registry: Registry, login: Path, wants: str) -> None:
    registry.wants = wants
    uri = registry.add((f"{WEIGHT}.raw", b"weights", "model.onnx"))
    found = fetch_artifact(uri, ["model.onnx"], settings_for(registry, login))
    assert found == {"model.onnx": b"weights"}
    with pytest.raises(StartupError, match=rf"^Model store refuses access to {uri}: 401$"):
        fetch_artifact(uri, ["model.onnx"], settings_for(registry))


def test_another_registry_is_told_nothing(
    registry: Registry, login: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.oci_artifact._RETRIES", 0)
    registry.wants = "bearer"
    uri = registry.add((f"{WEIGHT}.raw", b"weights", "model.onnx"))
    other = StoreSettings("http://registry.example.com", credentials=login)
    with pytest.raises(StartupError, match="can't deliver"):
        # By TLS, which this one does not speak.
        fetch_artifact(uri, ["model.onnx"], other)
    assert registry.requests == []


def test_the_server_that_a_registry_leads_to_learns_no_token(
    registry: Registry, login: Path
) -> None:
    uri = registry.add((f"{WEIGHT}.raw", b"weights", "model.onnx"))
    registry.wants = "basic"
    # Another host, by its name.
    registry.elsewhere = f"http://localhost:{registry.host.partition(':')[2]}"
    with pytest.raises(StartupError, match="refuses access"):
        fetch_artifact(uri, ["model.onnx"], settings_for(registry, login))
    assert registry.requests[-1][1] is None


def test_a_busy_registry_is_asked_again(registry: Registry) -> None:
    uri = registry.add((f"{WEIGHT}.raw", b"weights", "model.onnx"))
    registry.busy = 3
    assert fetch_artifact(uri, ["model.onnx"], settings_for(registry))


def test_what_is_missing_is_named(registry: Registry) -> None:
    uri = registry.add((f"{WEIGHT}.raw", b"weights", "model.onnx"))
    with pytest.raises(StartupError) as refusal:
        fetch_artifact(uri, FILES, settings_for(registry))
    assert str(refusal.value) == f"Model file not found at {uri}/golden.json"
    other = f"{uri[:-1]}{'0' if uri[-1] != '0' else '1'}"
    with pytest.raises(StartupError) as refusal:
        fetch_artifact(other, FILES, settings_for(registry))
    assert str(refusal.value) == f"Model file not found at {other}"


@pytest.mark.parametrize(
    ("kind", "content"), [("raw", b"0123456789a"), ("tar", archive({"a": b"0123456789a"}))]
)
def test_what_is_too_large_is_refused(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, kind: str, content: bytes
) -> None:
    monkeypatch.setattr("app.store.MAX_FILE_BYTES", 10)
    uri = registry.add((f"{WEIGHT}.{kind}", content, "a"))
    with pytest.raises(StartupError, match="has 11 bytes; at most 10 are served"):
        fetch_artifact(uri, ["a"], settings_for(registry))


@pytest.mark.parametrize("content", [b"no archive", gzip.compress(archive(FILES))[:-30]])
def test_an_archive_that_is_none_ends_it(registry: Registry, content: bytes) -> None:
    uri = registry.add((f"{WEIGHT}.tar+gzip", content, "a"))
    with pytest.raises(StartupError, match=r"can't deliver|not found at"):
        fetch_artifact(uri, ["golden.json"], settings_for(registry))


def test_a_manifest_of_another_digest_is_refused(registry: Registry) -> None:
    uri = registry.add((f"{WEIGHT}.raw", b"weights", "model.onnx"))
    path = f"/v2/models/m/manifests/{uri.partition('@')[2]}"
    changed: dict[str, Any] = json.loads(registry.contents[path])
    registry.contents[path] = json.dumps({**changed, "more": 1}).encode()
    with pytest.raises(StartupError, match="its manifest is another"):
        fetch_artifact(uri, ["model.onnx"], settings_for(registry))


@pytest.mark.parametrize("uri", ["oci://registry.example.com/m:latest", "oci://host@sha256:0"])
def test_only_a_digest_names_one_artifact(uri: str) -> None:
    with pytest.raises(StartupError, match="is not of the form oci://registry/name@sha256:digest"):
        fetch_artifact(uri, ["model.onnx"], StoreSettings())
