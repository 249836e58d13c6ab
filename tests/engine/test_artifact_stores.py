"""Models in other stores than S3: what the gate reads there is what the server fetches.

rclone's S3 endpoint speaks the XML API that Google's store has too, and stands in for it; a server
of files is what https is. Azure's store has no stand-in that can be had: the gate's list of it is
not shown, only what the server asks of it (tests/unit/inference/test_inference_store.py).
"""

import hashlib
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from devcluster.toolchain import Toolchain
from mlifecycle.artifact import ArtifactError, inspect_artifact, places
from mlifecycle.model_store import ModelStore
from tests.sandbox import ROOT, kill_group, wait_until
from tests.unit.inference.local_serving import BUCKET, FileStore, free_port, serve_files

SEED = ROOT / "models" / "fraud-detector" / "2.1.0"
FILES = {name: (SEED / name).read_bytes() for name in ("model.onnx", "golden.json")}
LINES = "".join(
    f"{hashlib.sha256(FILES[name]).hexdigest()}  {name}\n" for name in ("golden.json", "model.onnx")
)
DIGEST = f"sha256:{hashlib.sha256(LINES.encode()).hexdigest()}"


@contextmanager
def open_bucket(rclone: Path, folder: Path) -> Iterator[str]:
    """A public bucket `models` on a port of its own."""
    address = f"127.0.0.1:{free_port()}"
    command = [rclone, "serve", "s3", "--addr", address, "--config", "/dev/null", folder]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        try:
            wait_until(lambda: answers(address), 20)
            yield f"http://{address}"
        finally:
            kill_group(process)


def answers(address: str) -> bool:
    try:
        return httpx.get(f"http://{address}/models").status_code == 200
    except httpx.HTTPError:
        return False


@pytest.fixture
def files(tmp_path: Path) -> Iterator[FileStore]:
    with serve_files(tmp_path / "files") as store:
        yield store


def test_googles_store(toolchain: Toolchain, tmp_path: Path) -> None:
    shutil.copytree(SEED, tmp_path / "buckets" / "models" / "a")
    with open_bucket(toolchain.paths["rclone"], tmp_path / "buckets") as endpoint:
        store = ModelStore(endpoint, "", "", "")
        found = inspect_artifact("gs://models/a", store, tmp_path / "cache")
        assert (found.digest, found.files) == (DIGEST, ("golden.json", "model.onnx"))
        with pytest.raises(ArtifactError, match="Model file not found at gs://models/b"):
            inspect_artifact("gs://models/b", store, tmp_path / "cache")


def test_a_server_of_files(files: FileStore, tmp_path: Path) -> None:
    files.put(FILES, prefix="a")
    host = files.endpoint.removeprefix("http://")
    store = ModelStore(files.endpoint, "", "", "", key="a-token")
    found = inspect_artifact(f"https://{host}/models/a", store, tmp_path / "cache")
    assert (found.digest, found.files) == (DIGEST, ("golden.json", "model.onnx"))
    assert {authorization for _, authorization in files.requests} == {"Bearer a-token"}
    with pytest.raises(ArtifactError, match=f"Model file not found at https://{host}/models/b"):
        inspect_artifact(f"https://{host}/models/b", store, tmp_path / "cache")


def test_a_token_stays_with_the_server_that_the_stack_names(
    files: FileStore, tmp_path: Path
) -> None:
    files.put(FILES, prefix="a")
    host = files.endpoint.removeprefix("http://")
    store = ModelStore("https://store.example.com", "", "", "", key="a-token")
    with pytest.raises(ArtifactError, match="Model store cannot deliver"):
        inspect_artifact(f"https://{host}/models/a", store, tmp_path / "cache")
    assert files.requests == []


def test_an_mlflow_folder_on_a_server_of_files(files: FileStore, tmp_path: Path) -> None:
    """Which names what it is made of, where nothing lists it."""
    described = b"flavors:\n  onnx: {data: data/model.onnx}\n"
    folder = {"MLmodel": described, "data/model.onnx": FILES["model.onnx"]}
    files.put({**folder, "golden.json": FILES["golden.json"]}, prefix="a")
    host = files.endpoint.removeprefix("http://")
    store = ModelStore(files.endpoint, "", "", "")
    found = inspect_artifact(f"https://{host}/models/a", store, tmp_path / "cache")
    assert (found.model, found.files) == ("data/model.onnx", ("data/model.onnx", "golden.json"))


@pytest.mark.parametrize(
    ("uri", "place"),
    [
        ("hf://org/model", "org/model/resolve/main"),
        ("hf://org/model@v2/fraud", "org/model/resolve/v2/fraud"),
    ],
)
def test_the_hub_is_a_server_of_files(
    uri: str, place: str, files: FileStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A server of files stands in for it: it answers the same paths with the same files."""
    host = files.endpoint.removeprefix("http://")
    monkeypatch.setattr(places, "HUB", f"https://{host}/{BUCKET}")
    files.put(FILES, prefix=place)
    store = ModelStore(files.endpoint, "", "", "")
    found = inspect_artifact(uri, store, tmp_path / "cache")
    assert (found.uri, found.digest) == (f"https://{host}/{BUCKET}/{place}", DIGEST)


def test_a_uri_of_the_hub_needs_owner_and_name(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="is not hf://owner/name@revision/path"):
        inspect_artifact("hf://model", ModelStore("", "", "", ""), tmp_path)


def test_a_stack_without_mlflow_is_told_which_key_it_lacks(tmp_path: Path) -> None:
    for uri in ("models:/fraud-detector/1", "mlflow://fraud-detector@champion", "runs:/a/model"):
        with pytest.raises(ArtifactError, match=f"{uri}: .* set mlifecycle:mlflowTrackingUri"):
            inspect_artifact(uri, ModelStore("", "", "", ""), tmp_path)


@pytest.mark.parametrize("uri", ["abfs://account.dfs.core.windows.net/a", "abfss://container@/a"])
def test_a_uri_without_a_container_is_refused(uri: str, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"is not abfss?://container@account"):
        inspect_artifact(uri, ModelStore("", "", "", ""), tmp_path)
