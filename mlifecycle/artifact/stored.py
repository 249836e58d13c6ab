"""The files of an artifact in its store."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from mlifecycle.model_store import ModelStore

if TYPE_CHECKING:
    from obstore.store import S3Config  # exists for type checkers only

Answer = TypeVar("Answer")
# An artifact is a folder of a few files; more is a folder of something else.
MOST_FILES = 1000
# What the server holds in memory at most (inference/app/store.py).
LARGEST_FILE = 2 * 1024**3


class ArtifactError(Exception):
    """The artifact is missing, unreadable or malformed; the message names its uri."""


@dataclass(frozen=True)
class StoredFile:
    """A file as its store announces it.

    Attributes:
        tag: its ETag, another for each content (RFC 9110, 8.8.3); None where there is no such one.
        size: in bytes.
    """

    name: str
    tag: str | None
    size: int


@dataclass(frozen=True)
class StoredFolder:
    """The folder of an artifact.

    Attributes:
        uri: without a slash at its end.
        files: those below it, by the names from there.
    """

    uri: str
    files: dict[str, StoredFile]
    _client: S3Store
    _path: str

    def read(self, name: str) -> bytes:
        """The content that was announced.

        Raises:
            ArtifactError: the store does not deliver it, it is too large, or it is another by now.
        """
        file = self.files[name]
        if file.size > LARGEST_FILE:
            raise ArtifactError(
                f"{self.uri}/{name} has {file.size} bytes; at most {LARGEST_FILE} are served"
            )
        uri, path = f"{self.uri}/{name}", f"{self._path}/{name}".lstrip("/")
        result = _asked(uri, lambda: obstore.get(self._client, path))
        # Not by If-Match, which some stores do not heed.
        if file.tag is not None and _strong(result.meta["e_tag"]) != file.tag:
            raise ArtifactError(f"{uri} changed while it was read: run again")
        return _asked(uri, lambda: bytes(result.bytes()))


def open_folder(uri: str, store: ModelStore) -> StoredFolder:
    """See what there is.

    Raises:
        ArtifactError: the store refuses or does not answer, or holds too much there.
    """
    parts = urlsplit(uri)
    if parts.scheme != "s3":
        raise ArtifactError(f"Model store of {uri} is not supported yet: s3:// is")
    client, path = _client(parts.netloc, store), parts.path.strip("/")
    found = _asked(uri, lambda: _listed(client, path, uri))
    return StoredFolder(uri.rstrip("/"), {file.name: file for file in found}, client, path)


def _listed(client: S3Store, path: str, uri: str) -> list[StoredFile]:
    found: list[StoredFile] = []
    for items in obstore.list(client, path):
        for item in items:
            name = item["path"].removeprefix(path).lstrip("/")
            found.append(StoredFile(name, _strong(item["e_tag"]), item["size"]))
        if len(found) > MOST_FILES:
            raise ArtifactError(f"{uri} holds over {MOST_FILES} files: it is no model's folder")
    return found


def _strong(tag: str | None) -> str | None:
    """A tag that names one content; some stores leave out its quotation marks in lists."""
    return None if tag is None or tag.startswith("W/") else tag.strip('"')


def _asked(uri: str, ask: Callable[[], Answer]) -> Answer:
    try:
        return ask()
    except FileNotFoundError as error:
        raise ArtifactError(f"Model file not found at {uri}") from error
    except BaseError as error:
        raise ArtifactError(f"Model store cannot deliver {uri}: {error}") from error


def _client(bucket: str, store: ModelStore) -> S3Store:
    config: S3Config = {
        "region": store.region,
        "virtual_hosted_style_request": not store.endpoint,
    }
    if store.endpoint:
        config["endpoint"] = store.endpoint
    if store.access_key_id:
        config["access_key_id"] = store.access_key_id
        config["secret_access_key"] = store.secret_access_key
    return S3Store(
        bucket,
        config=config,
        client_options={
            "allow_http": store.endpoint.startswith("http://"),
            "connect_timeout": timedelta(seconds=5),
            "timeout": timedelta(seconds=60),
        },
        retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=30)},
    )
