"""A stack's settings, typed and checked once, from `Pulumi.<stack>.yaml`."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mlifecycle.artifact import ModelStore
from mlifecycle.manifest.loading import LoadedManifest, load_paths

PROJECT = "mlifecycle"
Quantity = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$")]
NotEmpty = Annotated[str, Field(min_length=1)]


class StackSettings(BaseModel):
    """What one environment decides; `Pulumi.yaml` describes each key."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    environment: NotEmpty
    manifest_folders: tuple[Path, ...]
    namespace: Annotated[str, Field(pattern=r"^[a-z0-9-]*\{namespace\}[a-z0-9-]*$")]
    cluster_identifier: NotEmpty
    kube_context: str
    registry: NotEmpty
    builder: NotEmpty
    base_image: NotEmpty
    vulnerability_database: NotEmpty
    scan_timeout_seconds: Annotated[int, Field(ge=1, le=3600)]
    model_store: ModelStore
    replicas: Annotated[int, Field(ge=1, le=1000)]
    cpu_request: Quantity
    cpu_limit: Quantity
    memory: Quantity
    rollout_timeout_seconds: Annotated[int, Field(ge=20, le=3600)]

    def namespace_of(self, namespace: str) -> str:
        """Where this stack puts what a manifest puts in `namespace`."""
        return self.namespace.format(namespace=namespace)


class SettingsError(Exception):
    """A key of the stack's configuration is missing or unusable."""


def setting_error(stack: str, key: str, problem: object) -> SettingsError:
    """The refusal of one key of the stack's file."""
    return SettingsError(f"Pulumi.{stack}.yaml: {PROJECT}:{key}: {problem}")


def manifests_of(stack: str, settings: StackSettings, root: Path) -> list[LoadedManifest]:
    """Every manifest of the stack's folders, which are relative to `root`.

    Raises:
        SettingsError: a folder is not there.
        ManifestError: as `load_paths`.
    """
    folders = [root / folder for folder in settings.manifest_folders]
    for folder in folders:
        if not folder.is_dir():
            raise setting_error(stack, "manifestFolders", f"no folder {folder}")
    return load_paths(folders)


def read_settings(stack: str, get: Callable[[str], Any]) -> StackSettings:
    """The settings of `stack`.

    Args:
        get: a key's value without the project's prefix, None where it is not set; arrays as lists.

    Raises:
        SettingsError: naming each key, what is wrong and the file.
    """
    try:
        return StackSettings(
            environment=get("environment"),
            manifest_folders=tuple(map(Path, get("manifestFolders") or ())),
            namespace=get("namespace"),
            cluster_identifier=get("clusterIdentifier"),
            kube_context=get("kubeContext") or "",
            registry=get("registry"),
            builder=get("builder"),
            base_image=get("baseImage"),
            vulnerability_database=get("vulnerabilityDatabase"),
            scan_timeout_seconds=get("scanTimeoutSeconds"),
            model_store=ModelStore(
                endpoint=get("modelStoreEndpoint") or "",
                region=get("modelStoreRegion") or "us-east-1",
                access_key_id=get("modelStoreAccessKeyId") or "",
                secret_access_key=get("modelStoreSecretAccessKey") or "",
            ),
            replicas=get("replicas"),
            cpu_request=get("cpuRequest"),
            cpu_limit=get("cpuLimit"),
            memory=get("memory"),
            rollout_timeout_seconds=get("rolloutTimeoutSeconds"),
        )
    except ValidationError as error:
        lines = [
            f"Pulumi.{stack}.yaml: {PROJECT}:{_camel_case(detail['loc'])}: {detail['msg']}"
            for detail in error.errors(include_url=False, include_input=False)
        ]
        raise SettingsError("\n".join(lines)) from error


def _camel_case(location: tuple[int | str, ...]) -> str:
    first, *rest = str(location[0]).split("_")
    return first + "".join(word.capitalize() for word in rest)
