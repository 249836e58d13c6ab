"""Fetching: bounds, identities, refusals. Real obstore against memory, files and HTTP."""

import base64
from pathlib import Path

import pytest
from app.errors import StartupError
from app.main import store_settings
from app.store import StoreSettings, fetch, fetch_artifact
from local_serving import PREFIX, URI, FileStore
from obstore.store import LocalStore, MemoryStore


def test_an_object_is_fetched_whole() -> None:
    store = MemoryStore()
    store.put("a/model.onnx", b"weights")
    assert fetch(store, "a/model.onnx", "s3://b/a/model.onnx") == b"weights"


def test_a_missing_object_is_named_by_its_uri(tmp_path: Path) -> None:
    with pytest.raises(StartupError) as refusal:
        fetch(LocalStore(tmp_path), "a/model.onnx", "s3://b/a/model.onnx")
    assert str(refusal.value) == "Model file not found at s3://b/a/model.onnx"


@pytest.mark.parametrize(("size", "is_served"), [(10, True), (11, False)])
def test_an_object_above_the_size_limit_is_refused(size: int, is_served: bool) -> None:
    store = MemoryStore()
    store.put("model.onnx", b"x" * size)
    if is_served:
        assert len(fetch(store, "model.onnx", "s3://b/model.onnx", max_bytes=10)) == size
    else:
        with pytest.raises(StartupError, match="has 11 bytes; at most 10 are served"):
            fetch(store, "model.onnx", "s3://b/model.onnx", max_bytes=10)


def test_an_artifact_is_read_from_an_s3_server_with_path_style_requests(
    file_store: FileStore,
) -> None:
    file_store.put({"model.onnx": b"m", "golden.json": b"g", "other": b"o"})
    settings = StoreSettings(endpoint=file_store.endpoint, anonymous=True)
    found = fetch_artifact(URI, ("golden.json", "model.onnx"), settings)
    assert found == {"golden.json": b"g", "model.onnx": b"m"}
    assert file_store.requests == [
        (f"/models/{PREFIX}/golden.json", None),
        (f"/models/{PREFIX}/model.onnx", None),
    ]


def test_requests_are_signed_with_the_credentials_of_the_directory(
    file_store: FileStore, tmp_path: Path
) -> None:
    file_store.put({"model.onnx": b"m"})
    (tmp_path / "accessKeyId").write_text("AKIDEXAMPLE\n")
    (tmp_path / "secretAccessKey").write_text("not-a-real-secret\n")
    settings = StoreSettings(
        endpoint=file_store.endpoint, region="eu-central-1", credentials=tmp_path
    )
    fetch_artifact(URI, ["model.onnx"], settings)
    [(_, authorization)] = file_store.requests
    assert authorization is not None
    assert "Credential=AKIDEXAMPLE/" in authorization
    assert "/eu-central-1/s3/" in authorization
    assert "not-a-real-secret" not in repr(settings)


@pytest.mark.parametrize(("status", "code"), [(403, "AccessDenied"), (401, "InvalidAccessKeyId")])
def test_a_refusal_names_the_stores_code_and_nothing_of_the_credentials(
    file_store: FileStore, status: int, code: str
) -> None:
    file_store.refuse_with = (status, code)
    settings = StoreSettings(endpoint=file_store.endpoint, anonymous=True)
    with pytest.raises(StartupError) as refusal:
        fetch_artifact(URI, ["model.onnx"], settings)
    assert str(refusal.value) == f"Model store refuses access to {URI}/model.onnx: {code}"


def test_missing_credential_files_are_named_but_never_quoted(tmp_path: Path) -> None:
    (tmp_path / "accessKeyId").write_bytes(b"\xff\xfe secret")
    with pytest.raises(StartupError) as refusal:
        fetch_artifact(URI, ["model.onnx"], StoreSettings(credentials=tmp_path))
    assert "accessKeyId can't be read (UnicodeDecodeError)" in str(refusal.value)
    assert "secret" not in str(refusal.value)
    (tmp_path / "accessKeyId").write_text("id")
    with pytest.raises(StartupError, match="secretAccessKey can't be read"):
        fetch_artifact(URI, ["model.onnx"], StoreSettings(credentials=tmp_path))


@pytest.mark.parametrize(
    "uri",
    ["az://b/p", "http://h/p", "hf://a/b", "models:/m/1", "file:///tmp", "/tmp", "s3"],
)
def test_another_scheme_is_refused_in_one_line(uri: str) -> None:
    with pytest.raises(StartupError) as refusal:
        fetch_artifact(uri, ["model.onnx"], StoreSettings())
    assert str(refusal.value) == (
        f"Model uri {uri} can't be fetched: this service fetches s3://, gs://, abfs://, abfss://, "
        "https://, oci://"
    )


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("s3://", "is not of the form s3://bucket/path"),
        ("s3:///path", "is not of the form s3://bucket/path"),
        ("s3://user@host/p", "is not of the form s3://bucket/path"),
        ("s3://b:1/", "is not of the form s3://bucket/path"),
        ("s3://[/p", "is none: Invalid IPv6 URL"),
        ("gs://", "is not of the form gs://bucket/path"),
        ("gs://user@host/p", "is not of the form gs://bucket/path"),
        ("abfs://account.dfs.core.windows.net/p", "is not of the form abfs://container@account."),
        ("abfss://container@/p", "is not of the form abfss://container@account."),
    ],
)
def test_a_malformed_uri_is_refused(uri: str, message: str) -> None:
    with pytest.raises(StartupError, match=message):
        fetch_artifact(uri, ["model.onnx"], StoreSettings())


def test_artifacts_are_read_from_other_stores(file_store: FileStore, tmp_path: Path) -> None:
    """A server of files stands in for each cloud's own: what is asked, and with which identity."""
    file_store.put({"model.onnx": b"m"})
    host = file_store.endpoint.removeprefix("http://")
    settings = StoreSettings(endpoint=file_store.endpoint, anonymous=True)
    for uri, path in (
        ("gs://models/a", "/models/a/model.onnx"),
        ("abfss://models@account.dfs.core.windows.net/a", "/models/a/model.onnx"),
        (f"https://{host}/models/a", "/models/a/model.onnx"),
    ):
        file_store.put({"model.onnx": b"m"}, prefix="a")
        assert fetch_artifact(uri, ["model.onnx"], settings) == {"model.onnx": b"m"}
        assert file_store.requests.pop() == (path, None)
        with pytest.raises(StartupError, match=f"Model file not found at {uri}/other"):
            fetch_artifact(uri, ["other"], settings)
    (tmp_path / "key").write_text(base64.b64encode(b"not-a-real-key").decode())
    known = StoreSettings(endpoint=file_store.endpoint, credentials=tmp_path)
    fetch_artifact("abfs://models@account.dfs.core.windows.net/a", ["model.onnx"], known)
    authorization = file_store.requests.pop()[1]
    assert authorization is not None
    assert authorization.startswith("SharedKey account:")


def test_a_token_is_sent_to_the_server_that_the_stack_names_only(
    file_store: FileStore, tmp_path: Path
) -> None:
    file_store.put({"model.onnx": b"m"}, prefix="a")
    host = file_store.endpoint.removeprefix("http://")
    (tmp_path / "key").write_text("a-token\n")
    named = StoreSettings(endpoint=file_store.endpoint, credentials=tmp_path)
    fetch_artifact(f"https://{host}/models/a", ["model.onnx"], named)
    assert file_store.requests.pop()[1] == "Bearer a-token"
    other = StoreSettings(endpoint="https://store.example.com", credentials=tmp_path)
    # It would be plain http, which no other server gets either.
    with pytest.raises(StartupError, match="can't deliver"):
        fetch_artifact(f"https://{host}/models/a", ["model.onnx"], other)
    assert file_store.requests == []


def test_a_uri_that_climbs_is_refused() -> None:
    with pytest.raises(StartupError, match="is not a usable object name"):
        fetch_artifact("s3://bucket/a/../b", ["model.onnx"], StoreSettings(anonymous=True))


@pytest.mark.parametrize(
    "endpoint", ["10.0.0.2:9000", "ftp://host", "http://", "http://host:99999", "http://host:0"]
)
def test_an_unusable_endpoint_is_refused(endpoint: str) -> None:
    with pytest.raises(StartupError, match=r"endpoint .* is not of the form http"):
        fetch_artifact(URI, ["model.onnx"], StoreSettings(endpoint=endpoint, anonymous=True))


@pytest.mark.parametrize(
    ("environment", "settings"),
    [
        ({}, StoreSettings()),
        ({"MLIFECYCLE_MODEL_STORE_ENDPOINT": ""}, StoreSettings()),
        (
            {"MLIFECYCLE_MODEL_STORE_ENDPOINT": "http://10.0.0.2:9000"},
            StoreSettings("http://10.0.0.2:9000", anonymous=True),
        ),
        (
            {
                "MLIFECYCLE_MODEL_STORE_ENDPOINT": "https://vpce.example",
                "AWS_WEB_IDENTITY_TOKEN_FILE": "/token",
            },
            StoreSettings("https://vpce.example", anonymous=False),
        ),
        (
            {
                "MLIFECYCLE_MODEL_STORE_REGION": "eu-west-1",
                "MLIFECYCLE_MODEL_STORE_CREDENTIALS": "/credentials",
            },
            StoreSettings(region="eu-west-1", credentials=Path("/credentials")),
        ),
    ],
)
def test_the_environment_says_how_to_reach_the_store(
    environment: dict[str, str], settings: StoreSettings
) -> None:
    assert store_settings(environment) == settings
