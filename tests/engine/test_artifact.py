"""A model's files in its store: read once for each content, and refused in a preview."""

import json
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import obstore
import pytest
from obstore.store import S3Store

from devcluster import local_stacks
from devcluster.platform.layout import BUCKET
from mlifecycle.artifact import ArtifactError, inspect_artifact
from mlifecycle.model_store import ModelStore
from mlifecycle.security.model_files import judgement
from tests.engine.test_refusals import refused
from tests.sandbox import ROOT, Platform, Sandbox, model_store

SIGNATURES = ROOT / "tests" / "unit" / "signatures"
SEED = ROOT / "models" / "fraud-detector" / "2.1.0"


@dataclass(frozen=True)
class Stored:
    """A model of a test's own in the platform's store, written through its own protocol."""

    store: ModelStore
    bucket: S3Store
    name: str

    @property
    def uri(self) -> str:
        return f"s3://{BUCKET}/{self.name}"

    def write(self, file: str, content: bytes) -> None:
        obstore.put(self.bucket, f"{self.name}/{file}", content)


def store_of(platform: Platform) -> ModelStore:
    """The platform's model store and MLflow server, as a stack's settings have them."""
    values = local_stacks.local_values(platform.layout)
    key = (platform.folder / "secrets" / "object-store-key").read_text().strip().split(",")
    return ModelStore(
        values["mlifecycle:modelStoreEndpoint"],
        "us-east-1",
        *key,
        tracking_uri=values["mlifecycle:mlflowTrackingUri"],
    )


def bucket_of(store: ModelStore) -> S3Store:
    """The bucket of models, for a test that writes to it."""
    return S3Store(
        BUCKET,
        endpoint=store.endpoint,
        region=store.region,
        access_key_id=store.access_key_id,
        secret_access_key=store.secret_access_key,
        virtual_hosted_style_request=False,
        client_options={"allow_http": True},
    )


@pytest.fixture
def stored(platform: Platform) -> Iterator[Stored]:
    store = store_of(platform)
    bucket = bucket_of(store)
    made = Stored(store, bucket, f"artifact-{secrets.token_hex(4)}")
    for name in ("model.onnx", "golden.json"):
        made.write(name, (SEED / name).read_bytes())
    yield made
    for name in ("model.onnx", "golden.json", "model.sig"):
        obstore.delete(bucket, f"{made.name}/{name}")


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that were read whole."""
    names = []
    get = obstore.get

    def counted(client: Any, path: str, **options: Any) -> Any:
        names.append(path.rsplit("/", 1)[1])
        return get(client, path, **options)

    monkeypatch.setattr(obstore, "get", counted)
    return names


def test_a_model_is_read_again_only_when_it_has_changed(
    stored: Stored, read: list[str], tmp_path: Path
) -> None:
    first = inspect_artifact(stored.uri, stored.store, tmp_path)
    assert inspect_artifact(stored.uri, stored.store, tmp_path) == first
    assert read.count("model.onnx") == 1
    # A field that ONNX does not know: another content, and another digest.
    stored.write("model.onnx", (SEED / "model.onnx").read_bytes() + b"\x80\x7d\x00")
    assert inspect_artifact(stored.uri, stored.store, tmp_path).digest != first.digest
    assert read.count("model.onnx") == 2


def test_what_a_crash_has_emptied_is_made_again(stored: Stored, tmp_path: Path) -> None:
    first = inspect_artifact(stored.uri, stored.store, tmp_path)
    for file in tmp_path.rglob("*.json"):
        file.write_text("")
    assert inspect_artifact(stored.uri, stored.store, tmp_path) == first


def test_a_refusal_is_remembered_too(stored: Stored, read: list[str], tmp_path: Path) -> None:
    stored.write("model.onnx", b"\x80\x04N.")
    for _ in range(2):
        with pytest.raises(ArtifactError, match=r"may not be served: .*pickle"):
            inspect_artifact(stored.uri, stored.store, tmp_path)
    assert read == ["model.onnx"]


def test_a_judge_that_could_not_look_looks_again(
    stored: Stored, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(judgement, "JUDGE_SECONDS", 0.01)
    with pytest.raises(ArtifactError, match=r"could not be looked at: .*did not end"):
        inspect_artifact(stored.uri, stored.store, tmp_path)
    monkeypatch.undo()
    assert inspect_artifact(stored.uri, stored.store, tmp_path).digest


def test_a_signature_beside_the_model_is_judged_with_it(stored: Stored, tmp_path: Path) -> None:
    signer = (SIGNATURES / "signer.pub").read_text()

    def signature(*signers: str) -> str:
        store = replace(stored.store, signers=signers)
        return inspect_artifact(stored.uri, store, tmp_path).signature

    assert signature(signer) == "unsigned"
    stored.write("model.sig", (SIGNATURES / "model.sig").read_bytes())
    assert signature() == "claimed"
    assert signature(signer) == "verified"
    with pytest.raises(ArtifactError, match=r"/model.sig is by none of the stack's modelSigners"):
        signature((SIGNATURES / "p384.pub").read_text())
    # What was signed is not what is there now.
    stored.write("model.onnx", (SEED / "model.onnx").read_bytes() + b"\x80\x7d\x00")
    with pytest.raises(ArtifactError, match=r"/model.sig is of another model.onnx: it has changed"):
        signature()


def announce(monkeypatch: pytest.MonkeyPatch, tag: str | None) -> None:
    """Have the store announce this of each file."""
    listed = obstore.list

    def told(*arguments: Any) -> Iterator[list[Any]]:
        for items in listed(*arguments):
            yield [{**item, "e_tag": tag} for item in items]

    monkeypatch.setattr(obstore, "list", told)


def test_a_content_that_is_not_the_announced_one_is_an_error(
    stored: Stored, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    announce(monkeypatch, '"of another content"')
    with pytest.raises(ArtifactError, match="changed while it was read"):
        inspect_artifact(stored.uri, stored.store, tmp_path)
    assert not list(tmp_path.rglob("*.json"))


def test_a_store_that_does_not_tell_contents_apart_is_read_each_time(
    stored: Stored, read: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for tag in (None, 'W/"weak"'):
        announce(monkeypatch, tag)
        for _ in range(2):
            inspect_artifact(stored.uri, stored.store, tmp_path)
    assert read.count("model.onnx") == 4


def test_a_model_that_is_not_at_its_uri_fails_the_preview(sandbox: Sandbox) -> None:
    sandbox.write_manifest(("fraud-detector/v2.1.0", "fraud-detector/v9.9.9"))
    output = refused(sandbox.preview())
    uri = "s3://mlifecycle-models/fraud-detector/v9.9.9"
    assert f"Model file not found at {uri}: none of model.onnx, model.skops" in output


def copied(sandbox: Sandbox) -> Path:
    """The folder of a copy of the model in the store, which the stack's manifest names."""
    source = model_store(sandbox.platform.layout) / "fraud-detector" / "v2.1.0"
    target = model_store(sandbox.platform.layout) / sandbox.stack / "v1"
    shutil.copytree(source, target)
    sandbox.write_manifest(("fraud-detector/v2.1.0", f"{sandbox.stack}/v1"))
    return target


def test_a_model_file_that_would_run_code_fails_the_preview(sandbox: Sandbox) -> None:
    (copied(sandbox) / "model.onnx").write_bytes(b"cos\nsystem\n(S'touch /nowhere'\ntR.")
    output = refused(sandbox.preview())
    uri = f"s3://mlifecycle-models/{sandbox.stack}/v1/model.onnx"
    assert f"Model file at {uri} may not be served: it is a pickle" in output


def test_malformed_golden_samples_fail_the_preview(sandbox: Sandbox) -> None:
    target = copied(sandbox)
    samples = json.loads((target / "golden.json").read_text())
    (target / "golden.json").write_text(json.dumps({**samples, "outputs": []}))
    assert "need one output for each input" in refused(sandbox.preview())
