"""The model artifact in its store: that it is there, its digest, and its golden samples."""

import hashlib
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from mlifecycle.model_store import ModelStore
from mlifecycle.security.model_file import refusal_of

if TYPE_CHECKING:
    from obstore.store import S3Config  # exists for type checkers only

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


def inspect_artifact(uri: str, store: ModelStore) -> Artifact:
    """Read the artifact's files and compute what a release is checked against.

    Raises:
        ArtifactError: a file is missing (`Model file not found at <uri>`), the store refuses or
            does not answer, the scheme is not s3, the model file may not be served, or the golden
            samples are malformed.
    """
    contents = {name: _fetch(uri, name, store) for name in (MODEL_FILE, GOLDEN_FILE)}
    if refusal := refusal_of(contents[MODEL_FILE]):
        raise ArtifactError(f"Model file at {uri}/{MODEL_FILE} may not be served: {refusal}")
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items()))
    return Artifact(
        uri=uri,
        digest=f"sha256:{hashlib.sha256(lines.encode()).hexdigest()}",
        golden_digest=f"sha256:{digests[GOLDEN_FILE]}",
        golden=_golden(uri, contents[GOLDEN_FILE]),
    )


def _fetch(uri: str, name: str, store: ModelStore) -> bytes:
    parts = urlsplit(uri)
    if parts.scheme != "s3":
        raise ArtifactError(f"Model store of {uri} is not supported yet: s3:// is")
    file_uri = f"{uri.rstrip('/')}/{name}"
    try:
        result = obstore.get(_client(parts.netloc, store), f"{parts.path.strip('/')}/{name}")
        return bytes(result.bytes())
    except FileNotFoundError as error:
        raise ArtifactError(f"Model file not found at {file_uri}") from error
    except BaseError as error:
        raise ArtifactError(f"Model store cannot deliver {file_uri}: {error}") from error


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
