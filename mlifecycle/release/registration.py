"""The model registry: what a stack has verified, as MLflow knows it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlifecycle.image import names
from mlifecycle.tracking import TrackingError, asked, client_of

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

# As MLflow's own documents call the one that serves, and the one before it.
CHAMPION, PREVIOUS = "champion", "previous"
ENDPOINTS = {
    "health": "/health",
    "ready": "/ready",
    "predict": "/predict",
    "metrics": "/metrics",
}


def record(
    model: str, version: str, framework: str, environment: str, deployed_at: str
) -> dict[str, Any]:
    """What is told of a deployed model, as the workflow prints it."""
    return {
        "model_name": model,
        "version": version,
        "framework": framework,
        "environment": environment,
        "deployed_at": deployed_at,
        "endpoints": dict(ENDPOINTS),
    }


@dataclass(frozen=True)
class Registration:
    """A release that answers as it must.

    Attributes:
        record: as `record`.
        source: the uri from which its model is fetched.
        artifact_digest: of the model's files; with the version, what makes it another entry.
        image: what runs, `name:tag@sha256:...`.
    """

    stack: str
    record: Mapping[str, Any]
    source: str
    artifact_digest: str
    image: str

    @property
    def model(self) -> str:
        """The model's name."""
        return str(self.record["model_name"])

    def alias(self, name: str) -> str:
        """An alias of the release's stack; production's is the plain one, as with images' tags."""
        return names.alias(name, self.stack, str(self.record["environment"]))


def champion_of(model: str, alias: str, tracking_uri: str) -> str | None:
    """The manifest's version of what an alias stands for; None where it stands for nothing.

    Raises:
        TrackingError: the server does not answer.
    """
    client = client_of(tracking_uri)

    def find() -> str | None:
        if not client.search_registered_models(f"name='{model}'"):
            return None
        number = client.get_registered_model(model).aliases.get(alias)
        return number and client.get_model_version(model, number).tags.get("version")

    return asked(tracking_uri, find)


def register(release: Registration, tracking_uri: str) -> bool:
    """Make sure that the server has this version, and that `champion` is it.

    Repeated, it changes nothing. The one that was champion is `previous` from then on.

    Returns:
        whether anything was changed.

    Raises:
        TrackingError: the stack names no server, or it does not answer or refuses.
    """
    client = client_of(tracking_uri)
    return asked(tracking_uri, lambda: _register(client, release, tracking_uri))


def _register(client: "MlflowClient", release: Registration, tracking_uri: str) -> bool:
    found = _find(client, release)
    number = (found or _make(client, release, tracking_uri)).version
    aliases = client.get_registered_model(release.model).aliases
    champion = release.alias(CHAMPION)
    before = aliases.get(champion)
    changed = {
        key: value
        for key, value in _tags(release).items()
        if found is None or found.tags.get(key) != value
    }
    for key, value in changed.items():
        client.set_model_version_tag(release.model, number, key, value)
    if before != number:
        # Where a kill falls between the two, the next run finds this one undone and does it again.
        if before is not None:
            client.set_registered_model_alias(release.model, release.alias(PREVIOUS), before)
        client.set_registered_model_alias(release.model, champion, number)
    return bool(changed) or before != number


def _find(client: "MlflowClient", release: Registration) -> "ModelVersion | None":
    # Names are DNS labels (mlifecycle/manifest/fields.py): no quote can be in one.
    found = [
        version
        for version in client.search_model_versions(f"name='{release.model}'")
        if version.tags.get("version") == release.record["version"]
        and version.tags.get("artifact_digest") == release.artifact_digest
    ]
    # Two stacks may have made one at once: all agree on the first.
    return min(found, key=lambda version: int(version.version), default=None)


def _make(client: "MlflowClient", release: Registration, tracking_uri: str) -> "ModelVersion":
    try:
        asked(tracking_uri, lambda: client.create_registered_model(release.model))
    except TrackingError as error:
        if error.code != "RESOURCE_ALREADY_EXISTS":
            raise
    identity = {
        "version": str(release.record["version"]),
        "artifact_digest": release.artifact_digest,
    }
    # Not awaited: a server copies no file of a version, and the wait is told in a log of its own.
    return client.create_model_version(
        release.model, release.source, tags=identity, await_creation_for=0
    )


def _tags(release: Registration) -> dict[str, str]:
    """What one environment says of the version, beside what is true of it everywhere."""
    stack = release.stack
    return {
        "framework": str(release.record["framework"]),
        f"{stack}.environment": str(release.record["environment"]),
        f"{stack}.deployed_at": str(release.record["deployed_at"]),
        f"{stack}.image": release.image,
    }
