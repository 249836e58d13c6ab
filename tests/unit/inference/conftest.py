"""What the inference tests share: the committed model, a store of files, and the real server."""

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
# The app is no installed package: the image copies it beside the server, and so does this. This
# folder's own modules are imported by name, whatever pytest's import mode is.
sys.path[:0] = [str(HERE.parents[2] / "inference"), str(HERE)]

# First, because it keeps ONNX Runtime's telemetry from starting in whatever imports that later.
import app  # noqa: E402, F401
import onnx_bytes as onnx  # noqa: E402
from local_serving import (  # noqa: E402
    COMMITTED_MODEL,
    FileStore,
    Server,
    release_document,
    run_server,
    serve_files,
    serve_model,
)
from small_models import two_by_two  # noqa: E402


@pytest.fixture(scope="session")
def committed_files() -> dict[str, bytes]:
    return {name: (COMMITTED_MODEL / name).read_bytes() for name in ("model.onnx", "golden.json")}


@pytest.fixture(scope="session")
def golden() -> dict[str, Any]:
    document: dict[str, Any] = json.loads((COMMITTED_MODEL / "golden.json").read_text())
    return document


@pytest.fixture
def artifact_folder(tmp_path: Path) -> Path:
    """A copy of the committed artifact."""
    return Path(shutil.copytree(COMMITTED_MODEL, tmp_path / "artifact"))


@pytest.fixture
def file_store(tmp_path: Path) -> Iterator[FileStore]:
    with serve_files(tmp_path / "store") as store:
        yield store


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Start the server with a release and environment of one's own; HOME is tmp_path."""
    servers: list[Server] = []

    def start(release: dict[str, Any] | None, **environment: str) -> Server:
        servers.append(run_server(release, tmp_path, environment))
        return servers[-1]

    yield start
    for server in servers:
        server.end()


@pytest.fixture
def serving(
    file_store: FileStore, start_server: Callable[..., Server], committed_files: dict[str, bytes]
) -> Server:
    """The real server, healthy, with the committed model."""
    file_store.put(committed_files)
    server = start_server(
        release_document(committed_files), MLIFECYCLE_MODEL_STORE_ENDPOINT=file_store.endpoint
    )
    server.wait_until_healthy()
    return server


@pytest.fixture(scope="session")
def sums(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A model of two inputs and two outputs: their sum, and the second again."""
    golden = {
        "inputs": {"x": [[1, 2], [3, 4]], "z": [[10, 20], [30, 40]]},
        "outputs": {"y": [[11, 22], [33, 44]]},
        "tolerance": 1e-6,
    }
    files = {"model.onnx": two_by_two(), "golden.json": json.dumps(golden).encode()}
    with serve_model(files, tmp_path_factory.mktemp("sums")) as running:
        yield running


@pytest.fixture(scope="session")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A model that answers with the text that it is given, and has no golden samples."""
    string = 8
    content = onnx.model(
        onnx.graph(
            [onnx.node("Identity", ["x"], ["y"])],
            [onnx.value_info("x", ["N", 2], string)],
            [onnx.value_info("y", ["N", 2], string)],
        )
    )
    with serve_model({"model.onnx": content}, tmp_path_factory.mktemp("texts")) as running:
        yield running
