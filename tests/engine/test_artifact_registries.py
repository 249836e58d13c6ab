"""Models that other services keep: an OCI registry, an MLflow server."""

import json
import os
import secrets
import subprocess
import sys
import tarfile
from dataclasses import replace
from pathlib import Path

import httpx
import obstore
import pytest
from mlflow.entities import LoggedModelOutput

from devcluster.environments import python_with
from devcluster.platform import lifecycle
from devcluster.platform.layout import BUCKET
from mlifecycle.artifact import Artifact, ArtifactError, inspect_artifact
from mlifecycle.model_store import ModelStore
from mlifecycle.process import run_tool
from mlifecycle.registry import resolve_digest
from mlifecycle.tracking import client_of
from tests.engine.test_artifact import bucket_of, store_of
from tests.engine.test_artifact_stores import DIGEST, FILES, SEED
from tests.sandbox import ROOT, Platform, kill_group, wait_until
from tests.unit.inference.local_serving import free_port

MODELPACK = "application/vnd.cncf.model.manifest.v1+json"
NO_STORE = ModelStore("", "", "", "")


def fetched(found: Artifact, endpoint: str) -> dict[str, str]:
    """What the server fetches for it: the digest of each file, by name."""
    program = """
import hashlib, json, sys
from app.store import StoreSettings, fetch_artifact
uri, endpoint, *names = sys.argv[1:]
files = fetch_artifact(uri, names, StoreSettings(endpoint, anonymous=True))
print(json.dumps({name: hashlib.sha256(content).hexdigest() for name, content in files.items()}))
"""
    result = subprocess.run(
        [sys.executable, "-c", program, found.uri, endpoint, *found.files],
        cwd=ROOT / "inference",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return dict(json.loads(result.stdout))


@pytest.fixture
def repository(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> str:
    """A repository of the platform's registry."""
    for name in ("REGCTL_CONFIG", "PATH"):
        monkeypatch.setenv(name, platform.environment[name])
    host = next(iter(json.loads(Path(platform.environment["REGCTL_CONFIG"]).read_text())["hosts"]))
    return f"{host}/models/{__name__.replace('_', '-').rpartition('.')[2]}"


def pack(repository: str, folder: Path) -> str:
    """An artifact of files, as ModelPack has them; its reference."""
    folder.mkdir()
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    kind = "application/vnd.cncf.model.weight.v1.raw"
    run_tool(
        [
            *("regctl", "artifact", "put", "--artifact-type", MODELPACK, "--file-title"),
            *(part for name in FILES for part in ("--file", name, "--file-media-type", kind)),
            f"{repository}:files",
        ],
        timeout=60,
        directory=folder,
    )
    return f"{repository}:files"


def modelcar(repository: str, folder: Path) -> str:
    """An image with the files in /models, for more than one platform; its reference."""
    folder.mkdir()
    layer = folder / "layer.tar"
    with tarfile.open(layer, "w") as archive:
        for name in FILES:
            archive.add(SEED / name, f"models/{name}")
        archive.add(SEED / "model.onnx", "model.onnx")
    one = f"{repository}:one"
    for command in (
        ("create", one),
        (
            "mod",
            one,
            "--replace",
            "--layer-add",
            f"tar={layer}",
            "--config-platform",
            "linux/amd64",
        ),
    ):
        run_tool(["regctl", "image", *command], timeout=60)
    index = ("regctl", "index", "create", f"{repository}:car", "--ref", one)
    run_tool([*index, "--desc-platform", "linux/amd64"], timeout=60)
    return f"{repository}:car"


@pytest.mark.parametrize("form", [pack, modelcar])
def test_a_registrys_artifact_is_read_alike_by_gate_and_server(
    repository: str, form: object, tmp_path: Path
) -> None:
    assert callable(form)
    reference = form(repository, tmp_path / "made")
    for _ in range(2):
        found = inspect_artifact(f"oci://{reference}", NO_STORE, tmp_path / "cache")
        assert (found.digest, found.files) == (DIGEST, ("golden.json", "model.onnx"))
    name, _, digest = found.uri.partition("@")
    assert name == f"oci://{repository}"
    by_digest = inspect_artifact(found.uri, NO_STORE, tmp_path / "cache")
    assert (by_digest.uri, by_digest.digest) == (found.uri, DIGEST)
    assert resolve_digest(f"{repository}@{digest}") == digest
    host = repository.partition("/")[0]
    assert fetched(found, f"http://{host}").keys() == FILES.keys()


def test_what_a_registry_lacks_is_named(repository: str, tmp_path: Path) -> None:
    uri = f"oci://{repository}:none"
    with pytest.raises(ArtifactError, match=f"^Model file not found at {uri}$"):
        inspect_artifact(uri, NO_STORE, tmp_path)
    with pytest.raises(
        ArtifactError, match=r"^Model store cannot deliver oci://127\.0\.0\.1:1/m:1: "
    ):
        inspect_artifact("oci://127.0.0.1:1/m:1", NO_STORE, tmp_path)


def registered(platform: Platform, source: str) -> str:
    """A new model of the platform's MLflow server, with one version; its name."""
    client = client_of(platform.layout.tracking)
    name = f"fraud-{secrets.token_hex(4)}"
    client.create_registered_model(name)
    version = client.create_model_version(name, source)
    client.set_registered_model_alias(name, "champion", version.version)
    return name


def write(store: ModelStore, place: str) -> None:
    for name, content in FILES.items():
        path = place.removeprefix(f"s3://{BUCKET}/")
        obstore.put(bucket_of(store), f"{path}/{name}", content)


def test_a_registered_model_is_where_mlflow_says(platform: Platform, tmp_path: Path) -> None:
    place = "s3://mlifecycle-models/fraud-detector/v2.1.0"
    name = registered(platform, place)
    store = store_of(platform)
    for uri in (f"models:/{name}/1", f"models:/{name}@champion", f"mlflow://{name}/1"):
        found = inspect_artifact(uri, store, tmp_path)
        assert (found.uri, found.digest) == (place, DIGEST)


def test_a_model_that_a_run_has_logged_is_where_mlflow_says(
    platform: Platform, tmp_path: Path
) -> None:
    client = client_of(platform.layout.tracking)
    experiment = client.create_experiment(f"fraud-{secrets.token_hex(4)}")
    run = client.create_run(experiment)
    store = store_of(platform)
    write(store, f"{run.info.artifact_uri}/model")
    found = inspect_artifact(f"runs:/{run.info.run_id}/model", store, tmp_path)
    assert (found.uri, found.digest) == (f"{run.info.artifact_uri}/model", DIGEST)
    # As `log_model` does it: it lies by itself, under the run's name for it.
    logged = client.create_logged_model(experiment, "scores", source_run_id=run.info.run_id)
    client.log_outputs(run.info.run_id, [LoggedModelOutput(logged.model_id, 0)])
    write(store, logged.artifact_location)
    for uri in (f"runs:/{run.info.run_id}/scores", f"models:/{logged.model_id}"):
        found = inspect_artifact(uri, store, tmp_path)
        assert (found.uri, found.digest) == (logged.artifact_location, DIGEST)


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("models:/no-such-model/1", "answers: .*no-such-model"),
        ("models:/no-such-model/latest", "'latest' is no version: name a number, or an alias"),
        ("runs:/0123456789abcdef/model", "answers: .*0123456789abcdef"),
    ],
)
def test_what_mlflow_does_not_know_is_named(
    platform: Platform, uri: str, words: str, tmp_path: Path
) -> None:
    with pytest.raises(ArtifactError, match=f"^Model uri {uri}: .*{words}"):
        inspect_artifact(uri, store_of(platform), tmp_path)


def test_an_mlflow_that_does_not_answer_is_named(tmp_path: Path) -> None:
    store = replace(NO_STORE, tracking_uri="http://127.0.0.1:1")
    with pytest.raises(
        ArtifactError, match=r"^Model uri models:/m/1: http://127\.0\.0\.1:1 answers"
    ):
        inspect_artifact("models:/m/1", store, tmp_path)


def test_what_an_mlflow_server_keeps_itself_is_read_from_it(tmp_path: Path) -> None:
    """A server of its own, which hands out the artifacts itself."""
    python = python_with(lifecycle.MLFLOW, "mlflow")
    port = free_port()
    command = [
        *(python, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)),
        *("--workers", "1", "--backend-store-uri", f"sqlite:///{tmp_path}/mlflow.db"),
        *("--artifacts-destination", str(tmp_path / "artifacts")),
    ]
    variables = {
        **os.environ,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    server = f"http://127.0.0.1:{port}"
    with subprocess.Popen(
        command,
        env=variables,
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            wait_until(lambda: is_up(server), 60)
            client = client_of(server)
            run = client.create_run("0")
            _, _, path = run.info.artifact_uri.partition("mlflow-artifacts:/")
            for name, content in FILES.items():
                place = f"{server}/api/2.0/mlflow-artifacts/artifacts/{path}/model/{name}"
                assert httpx.put(place, content=content).status_code == 200
            store = replace(NO_STORE, endpoint=server, tracking_uri=server)
            found = inspect_artifact(f"runs:/{run.info.run_id}/model", store, tmp_path / "cache")
            assert found.uri.startswith(f"https://127.0.0.1:{port}/api/2.0/mlflow-artifacts/")
            assert found.digest == DIGEST
            assert fetched(found, server).keys() == FILES.keys()
        finally:
            kill_group(process)


def is_up(server: str) -> bool:
    try:
        return httpx.get(f"{server}/health").status_code == 200
    except httpx.HTTPError:
        return False
