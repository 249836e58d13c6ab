"""Where the files of a model uri are: in a store, an OCI registry, or where another service says.

What comes of it is what the server fetches from: it asks neither MLflow nor what a tag means.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from mlifecycle.artifact.oci_artifact import open_artifact
from mlifecycle.artifact.stored import ArtifactError, StoredFolder, open_folder
from mlifecycle.model_store import ModelStore
from mlifecycle.tracking import TrackingError, artifact_place

HUB = "https://huggingface.co"
# https://huggingface.co/docs/huggingface_hub/guides/hf_file_system
_HUB_URI = re.compile(r"hf://(?P<repo>[^/@]+/[^/@]+)(?:@(?P<revision>[^/]+))?(?P<path>/.*)?")


def open_place(uri: str, store: ModelStore, cache: Path, likely: Iterable[str]) -> StoredFolder:
    """See what a model uri holds.

    Args:
        cache: this machine's folder for what is known of a file.
        likely: names that are asked for where a store does not list what it has.

    Raises:
        ArtifactError: there is nothing, or nothing can be read.
    """
    scheme = uri.partition(":")[0]
    if scheme == "oci":
        return open_artifact(uri, cache)
    return open_folder(_RESOLVED.get(scheme, _as_it_is)(uri, store), store, likely)


def _as_it_is(uri: str, _: ModelStore) -> str:
    return uri


def _hub(uri: str, _: ModelStore) -> str:
    match = _HUB_URI.fullmatch(uri)
    if match is None:
        raise ArtifactError(f"Model uri {uri} is not hf://owner/name@revision/path")
    revision = match["revision"] or "main"
    return f"{HUB}/{match['repo']}/resolve/{revision}{match['path'] or ''}".rstrip("/")


def _tracked(uri: str, store: ModelStore) -> str:
    try:
        return artifact_place(uri, store.tracking_uri)
    except TrackingError as error:
        raise ArtifactError(f"Model uri {uri}: {error}") from error


_RESOLVED: Mapping[str, Callable[[str, ModelStore], str]] = {
    "hf": _hub,
    **dict.fromkeys(("models", "runs", "mlflow"), _tracked),
}
