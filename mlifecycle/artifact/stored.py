"""The files of an artifact in its store."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import HTTPStore

from mlifecycle.artifact.stores import SCHEMES, Client, client_of
from mlifecycle.model_store import ModelStore
from mlifecycle.tracking import PROXY_PATH

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
        uri: from which the server fetches, without a slash at its end.
        files: those below it, by the names from there.
        fetch: gives a file's content, or an ArtifactError.
    """

    uri: str
    files: Mapping[str, StoredFile]
    fetch: Callable[[StoredFile], bytes]

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
        return self.fetch(file)


def open_folder(uri: str, store: ModelStore, likely: Iterable[str]) -> StoredFolder:
    """See what there is.

    Args:
        likely: names that are asked for where a store does not list what it has.

    Raises:
        ArtifactError: the store refuses or does not answer, or holds too much there.
    """
    parts = urlsplit(uri)
    try:
        client = client_of(parts, store)
    except KeyError as error:
        served = ", ".join(SCHEMES)
        raise ArtifactError(f"Model store of {uri} is not supported yet: {served} are") from error
    except ValueError as error:
        raise ArtifactError(f"Model uri {uri} {error}") from error
    path, place = parts.path.strip("/"), uri.rstrip("/")
    files: Mapping[str, StoredFile]
    if isinstance(client, HTTPStore):
        files = UnlistedFiles(lambda name: _announced(client, path, name, uri), likely)
    else:
        files = {file.name: file for file in _asked(uri, lambda: _listed(client, path, uri))}
    return StoredFolder(place, files, lambda file: _fetched(client, path, place, file))


class UnlistedFiles(Mapping[str, StoredFile]):
    """The files of a server that does not list them: those that it was asked for, and has."""

    def __init__(self, ask: Callable[[str], StoredFile | None], likely: Iterable[str]) -> None:
        self._ask = ask
        self._asked = {name: ask(name) for name in likely}

    def __getitem__(self, name: str) -> StoredFile:
        if name not in self._asked:
            self._asked[name] = self._ask(name)
        file = self._asked[name]
        if file is None:
            raise KeyError(name)
        return file

    def __iter__(self) -> Iterator[str]:
        return (name for name, file in self._asked.items() if file is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _fetched(client: Client, path: str, place: str, file: StoredFile) -> bytes:
    uri = f"{place}/{file.name}"
    result = _asked(uri, lambda: obstore.get(client, f"{path}/{file.name}".lstrip("/")))
    # Not by If-Match, which some stores do not heed.
    if file.tag is not None and _strong(result.meta["e_tag"]) != file.tag:
        raise ArtifactError(f"{uri} changed while it was read: run again")
    return _asked(uri, lambda: bytes(result.bytes()))


def _announced(client: Client, path: str, name: str, uri: str) -> StoredFile | None:
    try:
        found = obstore.head(client, f"{path}/{name}".lstrip("/"))
    except FileNotFoundError:
        return None
    except BaseError as error:
        raise ArtifactError(f"Model store cannot deliver {uri}/{name}: {error}") from error
    # MLflow's server makes another tag for each request.
    tag = None if PROXY_PATH in uri else _strong(found["e_tag"])
    return StoredFile(name, tag, found["size"])


def _listed(client: Client, path: str, uri: str) -> list[StoredFile]:
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
