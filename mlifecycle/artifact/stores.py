"""The stores that models lie in, by the scheme of a uri: one client for each."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

from obstore.store import AzureStore, GCSStore, HTTPStore, S3Store

from mlifecycle.model_store import ModelStore

if TYPE_CHECKING:
    from obstore.store import AzureConfig, GCSConfig, S3Config  # exist for type checkers only

Client = S3Store | GCSStore | AzureStore | HTTPStore


def client_of(parts: SplitResult, store: ModelStore) -> Client:
    """The client of a uri's store.

    Raises:
        KeyError: there is none for the scheme.
        ValueError: the uri names no place in such a store.
    """
    return _CLIENTS[parts.scheme](parts, store)


def _s3(parts: SplitResult, store: ModelStore) -> Client:
    config: S3Config = {
        "region": store.region,
        "virtual_hosted_style_request": not store.endpoint,
    }
    if store.endpoint:
        config["endpoint"] = store.endpoint
    if store.access_key_id:
        config["access_key_id"] = store.access_key_id
        config["secret_access_key"] = store.secret_access_key
    return S3Store(parts.netloc, config=config, **_connection(store))


def _gcs(parts: SplitResult, store: ModelStore) -> Client:
    config: GCSConfig = {}
    if store.endpoint:
        config["base_url"] = store.endpoint
    if store.key:
        config["service_account_key"] = store.key
    elif store.endpoint:
        # A store of one's own without a key is a public one, as to the server that runs the model.
        config["skip_signature"] = True
    return GCSStore(parts.netloc, config=config, **_connection(store))


def _azure(parts: SplitResult, store: ModelStore) -> Client:
    account = (parts.hostname or "").partition(".")[0]
    if not parts.username or not account:
        raise ValueError(f"is not {parts.scheme}://container@account.dfs.core.windows.net/path")
    config: AzureConfig = {"account_name": account}
    if store.endpoint:
        config["endpoint"] = store.endpoint
    if store.key:
        config["account_key"] = store.key
    elif store.endpoint:
        config["skip_signature"] = True
    return AzureStore(parts.username, config=config, **_connection(store))


def _https(parts: SplitResult, store: ModelStore) -> Client:
    # A uri is anybody's: the token is for the server that the stack names, and for no other.
    is_named = urlsplit(store.endpoint).netloc == parts.netloc
    connection = _connection(store if is_named else None)
    if is_named and store.key:
        connection["client_options"]["default_headers"] = {"authorization": f"Bearer {store.key}"}
    server = store.endpoint if is_named else f"https://{parts.netloc}"
    return HTTPStore(server, **connection)


_CLIENTS: Mapping[str, Callable[[SplitResult, ModelStore], Client]] = {
    "s3": _s3,
    "gs": _gcs,
    "abfs": _azure,
    "abfss": _azure,
    "https": _https,
}
SCHEMES = tuple(f"{scheme}://" for scheme in _CLIENTS)


def _connection(store: ModelStore | None) -> dict[str, Any]:
    return {
        "client_options": {
            "allow_http": store is not None and store.endpoint.startswith("http://"),
            "connect_timeout": timedelta(seconds=5),
            "timeout": timedelta(seconds=60),
        },
        "retry_config": {"max_retries": 3, "retry_timeout": timedelta(seconds=30)},
    }
