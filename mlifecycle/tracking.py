"""What an MLflow server knows: where a logged or registered model lies.

It is asked by MLflow's own client, which knows every way to log in to one (its environment
variables).
"""

import os
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from mlflow import MlflowClient

Answer = TypeVar("Answer")
# A pipeline is in nobody's statistics; and its requests end.
_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "15",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
}
# https://mlflow.org/docs/latest/self-hosting/architecture/artifact-store/: what a server keeps
# itself, it hands out below this path.
_PROXIED = "mlflow-artifacts"
PROXY_PATH = "/api/2.0/mlflow-artifacts/artifacts"


class TrackingError(Exception):
    """The server does not answer, or knows nothing of that name; the message says which.

    Attributes:
        code: MLflow's own word for it, such as RESOURCE_ALREADY_EXISTS; empty where it has none.
    """

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


def _library() -> ModuleType:
    os.environ.update(_ENVIRONMENT)
    # Not at the top: it takes longer than a whole validation, which asks no server.
    return import_module("mlflow")


def client_of(tracking_uri: str) -> "MlflowClient":
    """MLflow's client of a server.

    Raises:
        TrackingError: the stack names none.
    """
    if not tracking_uri:
        raise TrackingError("the stack names no MLflow server: set mlifecycle:mlflowTrackingUri")
    client: MlflowClient = _library().MlflowClient(tracking_uri, registry_uri=tracking_uri)
    return client


def asked(tracking_uri: str, ask: Callable[[], Answer]) -> Answer:
    """What a server answers.

    Raises:
        TrackingError: that it does not, or refuses.
    """
    try:
        return ask()
    except _library().MlflowException as error:
        raise TrackingError(
            f"{tracking_uri} answers: {str(error)[:300]}", error.error_code
        ) from error


def artifact_place(uri: str, tracking_uri: str) -> str:
    """The uri of the store in which a model's files are.

    Args:
        uri: `models:/name/version`, `models:/name@alias` or `models:/m-id`; `mlflow://` may stand
            for `models:/`; `runs:/id/path`.
        tracking_uri: the server's, such as `https://mlflow.example.com`.

    Raises:
        TrackingError: there is no server, it does not answer, or it has no such model.
    """
    scheme, _, rest = uri.partition(":")
    client, path = client_of(tracking_uri), rest.strip("/")
    find = _of_run if scheme == "runs" else _of_model
    found = asked(tracking_uri, lambda: find(client, path))
    parts, server = urlsplit(found), urlsplit(tracking_uri)
    if parts.scheme != _PROXIED:
        return found
    return f"https://{server.netloc}{server.path.rstrip('/')}{PROXY_PATH}/{parts.path.strip('/')}"


def _of_model(client: "MlflowClient", path: str) -> str:
    name, _, version = path.partition("/")
    if version.isdigit():
        return str(client.get_model_version_download_uri(name, version))
    if version:
        raise TrackingError(
            f"{version!r} is no version: name a number, or an alias as in {name}@champion"
        )
    name, _, alias = path.partition("@")
    if not alias:
        return str(client.get_logged_model(name).artifact_location)
    number = client.get_model_version_by_alias(name, alias).version
    return str(client.get_model_version_download_uri(name, str(number)))


def _of_run(client: "MlflowClient", path: str) -> str:
    run_id, _, below = path.partition("/")
    run = client.get_run(run_id)
    # What a run has logged as a model lies by itself, and bears the name that it was logged by.
    for output in (run.outputs.model_outputs if run.outputs else None) or ():
        logged = client.get_logged_model(output.model_id)
        if logged.name == below:
            return str(logged.artifact_location)
    return f"{run.info.artifact_uri}/{below}".rstrip("/")
