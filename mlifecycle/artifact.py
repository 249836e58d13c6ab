"""The model artifact in its store: that it is there, its digest, and its golden samples."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from mlifecycle.exclusive import exclusively
from mlifecycle.model_store import ModelStore
from mlifecycle.security import model_file

if TYPE_CHECKING:
    from obstore.store import S3Config  # exists for type checkers only

Answer = TypeVar("Answer")

# The files of an ONNX artifact, directly under the manifest's uri.
MODEL_FILE = "model.onnx"
GOLDEN_FILE = "golden.json"


@dataclass(frozen=True)
class GoldenSamples:
    """Inputs with the outputs that the model must give, within an absolute tolerance."""

    inputs: list[list[float]]
    outputs: list[float]
    tolerance: float


@dataclass(frozen=True)
class Artifact:
    """What the store holds for one model version.

    Attributes:
        digest: `sha256:<hex>` over lines `<sha256>  <file>`, sorted by file; the server checks
            the same.
        golden_digest: `sha256:<hex>` of the golden samples' file.
    """

    uri: str
    digest: str
    golden_digest: str
    golden: GoldenSamples


class ArtifactError(Exception):
    """The artifact is missing, unreadable or malformed; the message names its uri."""


def inspect_artifact(uri: str, store: ModelStore, cache: Path) -> Artifact:
    """Read the artifact's files and compute what a release is checked against.

    Args:
        cache: this machine's folder for what is known of a model file, which is read once for
            each content that its store announces.

    Raises:
        ArtifactError: a file is missing (`Model file not found at <uri>`), the store refuses or
            does not answer, the scheme is not s3, the model file may not be served, or the golden
            samples are malformed.
    """
    model = _model_file(uri, store, cache)
    if model.refusal:
        raise ArtifactError(f"Model file at {uri}/{MODEL_FILE} may not be served: {model.refusal}")
    golden = _File.of(uri, GOLDEN_FILE, store).read()
    digests = {MODEL_FILE: model.digest, GOLDEN_FILE: hashlib.sha256(golden).hexdigest()}
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items()))
    return Artifact(
        uri=uri,
        digest=f"sha256:{hashlib.sha256(lines.encode()).hexdigest()}",
        golden_digest=f"sha256:{digests[GOLDEN_FILE]}",
        golden=_golden(uri, golden),
    )


@dataclass(frozen=True)
class _ModelFile:
    """What is known of one content of a model file.

    Attributes:
        digest: 64 hex digits.
        refusal: why it may not be served; empty where it may.
    """

    digest: str
    refusal: str


def _model_file(uri: str, store: ModelStore, cache: Path) -> _ModelFile:
    file = _File.of(uri, MODEL_FILE, store)
    announced = file.announced()
    # A store that announces no content is asked for all of it each time.
    if announced is None:
        return _looked_at(file.read())
    judge = hashlib.sha256(Path(model_file.__file__).read_bytes()).hexdigest()
    key = "\n".join((store.endpoint, file.uri, announced, judge))
    known = cache / "artifacts" / f"{hashlib.sha256(key.encode()).hexdigest()}.json"
    with exclusively(known):
        if not known.exists():
            partial = known.with_suffix(".partial")
            # Of just the content that was announced, or an error.
            partial.write_text(json.dumps(asdict(_looked_at(file.read(announced)))))
            partial.rename(known)
        return _ModelFile(**json.loads(known.read_text()))


def _looked_at(content: bytes) -> _ModelFile:
    digest = hashlib.sha256(content).hexdigest()
    return _ModelFile(digest, model_file.refusal_of(content) or "")


@dataclass(frozen=True)
class _File:
    """A file of an artifact in its store."""

    uri: str
    client: S3Store
    path: str

    @classmethod
    def of(cls, uri: str, name: str, store: ModelStore) -> "_File":
        parts = urlsplit(uri)
        if parts.scheme != "s3":
            raise ArtifactError(f"Model store of {uri} is not supported yet: s3:// is")
        path = f"{parts.path.strip('/')}/{name}"
        return cls(f"{uri.rstrip('/')}/{name}", _client(parts.netloc, store), path)

    def announced(self) -> str | None:
        """The ETag, another for each content (RFC 9110, 8.8.3); None where there is no such one."""
        tag = self._asked(lambda: obstore.head(self.client, self.path)["e_tag"])
        return None if tag is None or tag.startswith("W/") else tag

    def read(self, announced: str | None = None) -> bytes:
        result = self._asked(lambda: obstore.get(self.client, self.path))
        # Not by If-Match, which some stores do not heed.
        if announced is not None and result.meta["e_tag"] != announced:
            raise ArtifactError(f"{self.uri} changed while it was read: run again")
        return self._asked(lambda: bytes(result.bytes()))

    def _asked(self, ask: Callable[[], Answer]) -> Answer:
        try:
            return ask()
        except FileNotFoundError as error:
            raise ArtifactError(f"Model file not found at {self.uri}") from error
        except BaseError as error:
            raise ArtifactError(f"Model store cannot deliver {self.uri}: {error}") from error


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


def _golden(uri: str, content: bytes) -> GoldenSamples:
    try:
        document = json.loads(content)
        samples = GoldenSamples(
            inputs=[[float(number) for number in row] for row in document["inputs"]],
            outputs=[float(number) for number in document["outputs"]],
            tolerance=float(document["tolerance"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ArtifactError(
            f"Golden samples at {uri}/{GOLDEN_FILE} are malformed: {error}"
        ) from error
    if not samples.inputs or len(samples.inputs) != len(samples.outputs):
        raise ArtifactError(f"Golden samples at {uri}/{GOLDEN_FILE} need one output for each input")
    return samples
