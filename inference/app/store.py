"""Fetch the model's files from their store, in bounded time and size."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import AzureStore, GCSStore, HTTPStore, LocalStore, MemoryStore, S3Store

from app import oci_artifact
from app.errors import StartupError

if TYPE_CHECKING:
    from obstore.store import AzureConfig, GCSConfig, S3Config  # exist for type checkers only

ObjectStore = S3Store | GCSStore | AzureStore | HTTPStore | LocalStore | MemoryStore

# Protocol Buffers can't hold more, so no ONNX file can be larger.
MAX_FILE_BYTES = 2 * 1024**3

_CONNECT_TIMEOUT = timedelta(seconds=5)
# Without a byte for this long a transfer is dead, however large the file is.
_READ_TIMEOUT = timedelta(seconds=15)
_REQUEST_TIMEOUT = timedelta(minutes=5)
# About 12 s of patience: a fresh pod's network policy and DNS need a moment to take effect. After
# that the process ends, says why, and the kubelet starts it again.
_MAX_RETRIES = 6
_RETRY_TIMEOUT = timedelta(minutes=1)
_FIRST_BACKOFF = timedelta(milliseconds=200)
_LARGEST_BACKOFF = timedelta(seconds=5)

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]+")


@dataclass(frozen=True)
class StoreSettings:
    """How to reach the model store; what `app.main` reads from the environment.

    endpoint: URL of the store's server; None means the cloud's own.
    region: the region that S3 requests are signed for.
    credentials: directory with the files accessKeyId and secretAccessKey (S3), or key (GCS: a
        service account's JSON; Azure: the account's key; https: a bearer token; oci:
        user:password); None means the platform's own identity (web identity, container or
        instance credentials).
    anonymous: with no credentials, send unsigned requests instead of looking for an identity.
    """

    endpoint: str | None = None
    region: str = "us-east-1"
    credentials: Path | None = None
    anonymous: bool = False


def fetch_artifact(uri: str, names: Iterable[str], settings: StoreSettings) -> dict[str, bytes]:
    """The files `names`, directly under the prefix `uri`, by name.

    Raises StartupError: an unknown scheme, unusable settings, a missing file, a store that
    refuses or can't be reached, a file above MAX_FILE_BYTES.
    """
    if uri.startswith(oci_artifact.SCHEME):
        return _fetch_from_registry(uri, names, settings)
    store, prefix = _open(uri, settings)
    return {name: fetch(store, f"{prefix}/{name}".lstrip("/"), f"{uri}/{name}") for name in names}


def _fetch_from_registry(
    uri: str, names: Iterable[str], settings: StoreSettings
) -> dict[str, bytes]:
    # As for https: what the stack holds is for the registry that it names, and for no other.
    is_named = urlsplit(settings.endpoint or "").netloc == urlsplit(uri).netloc
    login = ""
    if is_named and settings.credentials is not None:
        login = _read_secret(settings.credentials / _KEY)
    return oci_artifact.fetch_files(
        uri,
        names,
        login,
        is_plain=is_named and _allows_http(settings.endpoint),
        max_bytes=MAX_FILE_BYTES,
    )


def fetch(store: ObjectStore, key: str, uri: str, max_bytes: int = MAX_FILE_BYTES) -> bytes:
    """One object's bytes; `uri` names it in errors.

    Raises StartupError when it is missing, refused, unreachable or larger than `max_bytes`.
    """
    try:
        found = obstore.get(store, key)
        size = found.meta["size"]
        if size > max_bytes:
            raise StartupError(f"Model file {uri} has {size} bytes; at most {max_bytes} are served")
        # Bounded by the size above: the transfer ends at the announced length.
        return found.bytes().to_bytes()
    except FileNotFoundError:
        raise StartupError(f"Model file not found at {uri}") from None
    except (PermissionDeniedError, UnauthenticatedError) as error:
        raise StartupError(f"Model store refuses access to {uri}: {_cause(error)}") from error
    except BaseError as error:
        raise StartupError(f"Model store can't deliver {uri}: {_cause(error)}") from error
    except ValueError as error:
        raise StartupError(f"Model uri {uri} is not a usable object name: {error}") from error


def _open(uri: str, settings: StoreSettings) -> tuple[ObjectStore, str]:
    """The store that `uri` names, and the prefix in it."""
    scheme, separator, _ = uri.partition("://")
    if scheme not in _OPENERS or not separator:
        known = ", ".join(f"{name}://" for name in (*_OPENERS, "oci"))
        raise StartupError(f"Model uri {uri} can't be fetched: this service fetches {known}")
    try:
        parts = urlsplit(uri)
    except ValueError as error:
        raise StartupError(f"Model uri {uri} is none: {error}") from error
    return _OPENERS[scheme](parts, settings), parts.path.strip("/")


def _open_s3(parts: SplitResult, settings: StoreSettings) -> ObjectStore:
    config: S3Config = {
        "region": settings.region,
        # What S3-compatible servers understand without wildcard DNS; AWS takes it too.
        "virtual_hosted_style_request": False,
    }
    if settings.endpoint is not None:
        config["endpoint"] = settings.endpoint
    if settings.credentials is not None:
        config["access_key_id"] = _read_secret(settings.credentials / "accessKeyId")
        config["secret_access_key"] = _read_secret(settings.credentials / "secretAccessKey")
    elif settings.anonymous:
        config["skip_signature"] = True
    return S3Store(_bucket(parts, parts.netloc), config=config, **_connection(settings))


def _open_gcs(parts: SplitResult, settings: StoreSettings) -> ObjectStore:
    config: GCSConfig = {}
    if settings.endpoint is not None:
        config["base_url"] = settings.endpoint
    if settings.credentials is not None:
        config["service_account_key"] = _read_secret(settings.credentials / _KEY)
    elif settings.anonymous:
        config["skip_signature"] = True
    return GCSStore(_bucket(parts, parts.netloc), config=config, **_connection(settings))


def _open_azure(parts: SplitResult, settings: StoreSettings) -> ObjectStore:
    account = (parts.hostname or "").partition(".")[0]
    config: AzureConfig = {"account_name": account}
    if settings.endpoint is not None:
        config["endpoint"] = settings.endpoint
    if settings.credentials is not None:
        config["account_key"] = _read_secret(settings.credentials / _KEY)
    elif settings.anonymous:
        config["skip_signature"] = True
    container = _bucket(parts, parts.username if account else None)
    return AzureStore(container, config=config, **_connection(settings))


def _open_https(parts: SplitResult, settings: StoreSettings) -> ObjectStore:
    # A uri is anybody's: the token is for the server that the stack names, and for no other.
    is_named = urlsplit(settings.endpoint or "").netloc == parts.netloc
    connection = _connection(settings if is_named else StoreSettings())
    if is_named and settings.credentials is not None:
        token = _read_secret(settings.credentials / _KEY)
        connection["client_options"]["default_headers"] = {"authorization": f"Bearer {token}"}
    server = settings.endpoint if is_named else None
    return HTTPStore(server or f"https://{parts.netloc}", **connection)


_KEY = "key"
_OPENERS: Mapping[str, Callable[[SplitResult, StoreSettings], ObjectStore]] = {
    "s3": _open_s3,
    "gs": _open_gcs,
    "abfs": _open_azure,
    "abfss": _open_azure,
    "https": _open_https,
}
_FORMS = {
    "abfs": "abfs://container@account.dfs.core.windows.net/path",
    "abfss": "abfss://container@account.dfs.core.windows.net/path",
}


def _bucket(parts: SplitResult, name: str | None) -> str:
    if name is None or not _BUCKET.fullmatch(name):
        form = _FORMS.get(parts.scheme, f"{parts.scheme}://bucket/path")
        raise StartupError(f"Model uri {parts.geturl()} is not of the form {form}")
    return name


def _connection(settings: StoreSettings) -> dict[str, Any]:
    return {
        "client_options": {
            "allow_http": _allows_http(settings.endpoint),
            "connect_timeout": _CONNECT_TIMEOUT,
            "read_timeout": _READ_TIMEOUT,
            "timeout": _REQUEST_TIMEOUT,
        },
        "retry_config": {
            "max_retries": _MAX_RETRIES,
            "retry_timeout": _RETRY_TIMEOUT,
            "backoff": {"init_backoff": _FIRST_BACKOFF, "max_backoff": _LARGEST_BACKOFF, "base": 2},
        },
    }


def _read_secret(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        # The reason is named by its kind only: a decoding error quotes the content.
        raise StartupError(
            f"Model store credentials: {path} can't be read ({type(error).__name__})"
        ) from None


def _allows_http(endpoint: str | None) -> bool:
    """Whether plain http is wanted; refuses an endpoint that the client can't use."""
    if endpoint is None:
        return False
    try:
        parts = urlsplit(endpoint)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, or out of range: obstore panics on it
        usable = False
    if not usable:
        raise StartupError(f"Model store endpoint {endpoint!r} is not of the form http(s)://host")
    return parts.scheme == "http"


def _cause(error: BaseError) -> str:
    """The reason inside obstore's message, which is long, has many lines and may quote a reply.

    A reply's body is reduced to its S3 error code: some name the access key id.
    """
    text = str(error)
    if code := re.search(r"<Code>(\w+)</Code>", text):
        return code.group(1)
    first_line = text.split("\n", 1)[0].rsplit(" - ", 1)[-1].strip()[:200]
    # reqwest says "error sending request" whatever happened; the debug text ends with the cause.
    details = re.findall(r'(?:message|error): "([^"]{1,200})"', text)
    return f"{first_line} ({details[-1]})" if details else first_line
