"""Fetch a model's files from an OCI registry, where they are layers or lie in layers.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pull
The gate finds them by the same rules (mlifecycle/artifact/oci_artifact.py), and names the artifact
by its digest.
"""

import hashlib
import re
import tarfile
from collections.abc import Iterable
from typing import Any, cast

import orjson
import urllib3
from urllib3.exceptions import HTTPError

from app.errors import StartupError

SCHEME = "oci://"
_REFERENCE = re.compile(r"oci://([^/@]+)/([^@:]+)@(sha256:[0-9a-f]{64})")
_MANIFESTS = (
    "application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.v2+json"
)
_TITLES = ("org.cncf.model.filepath", "org.opencontainers.image.title")
_IMAGE_FOLDER = "models/"
_LARGEST_MANIFEST = 4 * 1024**2
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')
# As of the other stores (app/store.py); a registry that is busy is asked again, and the token is
# sent to no other host that it leads to.
_TIMEOUT = urllib3.Timeout(connect=5, read=15)
_RETRIES = urllib3.Retry(
    total=6,
    backoff_factor=0.2,
    backoff_max=5,
    status_forcelist=(429, 500, 502, 503, 504),
    raise_on_status=False,
)


def fetch_files(
    uri: str, names: Iterable[str], login: str, *, is_plain: bool, max_bytes: int
) -> dict[str, bytes]:
    """The files `names` of the artifact, by name.

    login: `user:password`, empty for a registry that is public. is_plain: whether it has no TLS.
    Raises StartupError: a file is missing or has more than max_bytes, the registry refuses or
    does not answer, what it gives is not what the digest says.
    """
    match = _REFERENCE.fullmatch(uri)
    if match is None:
        raise StartupError(f"Model uri {uri} is not of the form oci://registry/name@sha256:digest")
    scheme = "http" if is_plain else "https"
    with urllib3.PoolManager(timeout=_TIMEOUT, retries=_RETRIES) as http:
        registry = _Registry(http, f"{scheme}://{match[1]}/v2/{match[2]}", uri, login)
        return _files(registry, uri, match[3], set(names), max_bytes)


def _files(
    registry: "_Registry", uri: str, digest: str, missing: set[str], max_bytes: int
) -> dict[str, bytes]:
    with registry.get(f"manifests/{digest}", _MANIFESTS) as response:
        content = response.read(_LARGEST_MANIFEST)
    if f"sha256:{hashlib.sha256(content).hexdigest()}" != digest:
        raise StartupError(f"Model store can't deliver {uri}: its manifest is another")
    found: dict[str, bytes] = {}
    # What a later layer has, stands.
    for layer in reversed(_layers(content, uri)):
        if missing:
            found |= registry.files_of(layer, missing - found.keys(), max_bytes)
            missing -= found.keys()
    if missing:
        raise StartupError(f"Model file not found at {uri}/{min(missing)}")
    return found


def _layers(content: bytes, uri: str) -> list[dict[str, Any]]:
    try:
        return cast(list[dict[str, Any]], orjson.loads(content)["layers"])
    except (ValueError, KeyError, TypeError) as error:
        raise StartupError(f"Model store can't deliver {uri}: no manifest ({error})") from error


class _Registry:
    """One repository of a registry."""

    def __init__(self, http: urllib3.PoolManager, url: str, uri: str, login: str) -> None:
        self._url, self._uri = url, uri
        self._realm = "http://" if url.startswith("http://") else "https://"
        self._http = http
        self._basic = urllib3.make_headers(basic_auth=login) if login else {}
        self._authorization: dict[str, str] = {}

    def files_of(
        self, layer: dict[str, Any], wanted: Iterable[str], max_bytes: int
    ) -> dict[str, bytes]:
        """Those of a layer's files that are wanted."""
        kind = str(layer.get("mediaType", ""))
        if kind.endswith(("tar", "tar+gzip", "tar.gzip")):
            return self._from_archive(layer, set(wanted), max_bytes)
        annotations = layer.get("annotations") or {}
        name = next((annotations[key] for key in _TITLES if key in annotations), "")
        if name not in wanted:
            return {}
        self._require_size(name, layer["size"], max_bytes)
        with self.get(f"blobs/{layer['digest']}") as response:
            return {name: response.read(max_bytes)}

    def _from_archive(
        self, layer: dict[str, Any], wanted: set[str], max_bytes: int
    ) -> dict[str, bytes]:
        below = _IMAGE_FOLDER if ".image." in layer["mediaType"] else ""
        found = {}
        try:
            # As a stream: a layer may be larger than the memory.
            with (
                self.get(f"blobs/{layer['digest']}") as response,
                tarfile.open(fileobj=cast(Any, response), mode="r|*") as archive,
            ):
                for item in archive:
                    path = item.name.removeprefix("./").removeprefix("/")
                    name = path.removeprefix(below)
                    if item.isreg() and path.startswith(below) and name in wanted:
                        self._require_size(name, item.size, max_bytes)
                        content = archive.extractfile(item)
                        found[name] = content.read() if content else b""
        except (tarfile.TarError, HTTPError, OSError, EOFError) as error:
            raise self._undelivered(str(error)) from error
        return found

    def get(self, path: str, accept: str = "*/*") -> urllib3.BaseHTTPResponse:
        """The answer, still to be read. Raises StartupError where it is none."""
        url, headers = f"{self._url}/{path}", {"accept": accept}
        try:
            response = self._ask(url, headers | self._authorization)
            if response.status == 401 and not self._authorization:
                response.close()
                self._authorization = self._answer_to(response.headers.get("www-authenticate", ""))
                response = self._ask(url, headers | self._authorization)
        except HTTPError as error:
            raise self._undelivered(str(error)) from error
        if response.status != 200:
            response.close()
        if response.status in (401, 403):
            raise StartupError(f"Model store refuses access to {self._uri}: {response.status}")
        if response.status == 404:
            raise StartupError(f"Model file not found at {self._uri}")
        if response.status != 200:
            raise self._undelivered(f"status {response.status}")
        return response

    def _ask(self, url: str, headers: dict[str, str]) -> urllib3.BaseHTTPResponse:
        return self._http.request("GET", url, headers=headers, preload_content=False)

    def _answer_to(self, challenge: str) -> dict[str, str]:
        """https://distribution.github.io/distribution/spec/auth/token/"""
        kind, _, rest = challenge.partition(" ")
        if kind.lower() == "basic":
            return dict(self._basic)
        fields = dict(_CHALLENGE.findall(rest))
        realm = fields.pop("realm", "")
        if kind.lower() != "bearer" or not realm.startswith(("https://", self._realm)):
            return {}
        answer = self._http.request("GET", realm, fields=fields, headers=self._basic)
        try:
            document = orjson.loads(answer.data)
            return {"authorization": f"Bearer {document.get('token') or document['access_token']}"}
        except (ValueError, KeyError, TypeError, AttributeError):
            return {}

    def _require_size(self, name: str, size: int, max_bytes: int) -> None:
        if size > max_bytes:
            raise StartupError(
                f"Model file {self._uri}/{name} has {size} bytes; at most {max_bytes} are served"
            )

    def _undelivered(self, reason: str) -> StartupError:
        return StartupError(f"Model store can't deliver {self._uri}: {reason[:300]}")
