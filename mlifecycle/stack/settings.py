"""A stack's settings, typed and checked once, from `Pulumi.<stack>.yaml`."""

import json
import re
from collections.abc import Callable, Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from mlifecycle.image import names
from mlifecycle.manifest.fields import Name
from mlifecycle.manifest.loading import LoadedManifest, load_paths
from mlifecycle.manifest.schema import Manifest
from mlifecycle.model_store import ModelStore

PROJECT = "mlifecycle"
SECRETS = (
    "apiKeys",
    "notifyChannels",
    "signingKey",
    "modelStoreAccessKeyId",
    "modelStoreSecretAccessKey",
    "modelStoreKey",
)
# The engine's type of a model (components/model_deployment.py).
MODEL_DEPLOYMENT = "mlifecycle:index:ModelDeployment"
MODEL_VERIFICATION = "mlifecycle:index:ModelVerification"
Quantity = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$")]
# A host's first label is the model's own, with what tells stacks apart.
HOST = r"^$|^[a-z0-9-]*\{model\}[a-z0-9-]*(\.[a-z0-9-]+)+$"
# Long enough that nobody guesses it; what can stand in a header.
ApiKey = Annotated[str, Field(pattern=r"^[!-~]{32,256}$")]
ANNOTATION = "eks.amazonaws.com/role-arn=arn:aws:iam::123456789012:role/models"
NotEmpty = Annotated[str, Field(min_length=1)]


class Egress(BaseModel):
    """Where models may connect to: the model store and the like."""

    model_config = ConfigDict(frozen=True)

    network: str
    port: int
    protocol: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """`10.0.0.0/16:443`, or `10.0.0.10/32:53/udp`.

        Raises:
            ValueError: it is none, or it is everywhere.
        """
        match = re.fullmatch(r"([0-9a-fA-F.:]+/[0-9]+):([0-9]+)(?:/(tcp|udp))?", text)
        if not match:
            raise ValueError(f"{text!r} is not a network with a port, such as 10.0.0.0/16:443")
        network, port = ip_network(match[1]), int(match[2])
        if network.prefixlen == 0 or not 0 < port < 65536:
            raise ValueError(f"{text!r} names every address, or no port")
        return cls(network=str(network), port=port, protocol=(match[3] or "tcp").upper())


def _egress(value: Any) -> Any:
    return tuple(Egress.parse(item) if isinstance(item, str) else item for item in value)


def _annotations(value: Any) -> Any:
    if isinstance(value, Mapping):
        return value
    pairs = [item.partition("=") for item in value]
    for name, _, given in pairs:
        if "/" not in name or not given:
            raise ValueError(f"{name!r} is not an annotation, such as {ANNOTATION}")
    return {name: given for name, _, given in pairs}


class StackSettings(BaseModel):
    """What one environment decides; `Pulumi.yaml` describes each key."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    environment: NotEmpty
    manifest_folders: tuple[Path, ...]
    namespace: Annotated[str, Field(pattern=r"^[a-z0-9-]*\{namespace\}[a-z0-9-]*$")]
    cluster_identifier: NotEmpty
    kube_context: str
    registry: NotEmpty
    image_builder: Literal["buildkit", "docker"]
    builder: NotEmpty
    base_image: NotEmpty
    trivy_database: NotEmpty
    grype_database: NotEmpty
    scan_timeout_seconds: Annotated[int, Field(ge=1, le=3600)]
    version_tags: bool
    admission_action: Literal["Audit", "Deny"]
    signing_key: str = Field(repr=False)
    api_keys: Annotated[Mapping[str, tuple[ApiKey, ...]], Field(repr=False)]
    notify: tuple[str, ...]
    notify_channels: Annotated[Mapping[str, tuple[NotEmpty, ...]], Field(repr=False)]
    model_store: ModelStore
    workload_identity: Annotated[Mapping[str, str], BeforeValidator(_annotations)]
    replicas: Annotated[int, Field(ge=1, le=1000)]
    maximum_replicas: Annotated[int, Field(ge=1, le=1000)]
    default_team: Name
    caller_namespaces: tuple[Name, ...]
    ingress_host: Annotated[str, Field(pattern=HOST)]
    ingress_class: str
    ingress_address: str
    ingress_authority: str
    certificate_issuer: str
    egress: Annotated[tuple[Egress, ...], BeforeValidator(_egress), Field(min_length=1)]
    cpu_request: Quantity
    cpu_limit: Quantity
    memory: Quantity
    rollout_timeout_seconds: Annotated[int, Field(ge=20, le=3600)]

    @field_validator("notify_channels")
    @classmethod
    def _has_what_notify_names(cls, channels: Any, known: ValidationInfo) -> Any:
        for name in known.data.get("notify", ()):
            if name not in channels:
                raise ValueError(f"has no channel {name!r}, which {PROJECT}:notify names")
        return channels

    def namespace_of(self, manifest: Manifest) -> str:
        """Where this stack puts a model; empty where its manifest does not say (and is refused)."""
        namespace = manifest.metadata.namespace
        return self.namespace.format(namespace=namespace) if namespace else ""

    def alias(self, version: str, stack: str) -> str:
        """The tag by which people name a released version; empty where this stack sets none."""
        return names.alias(version, stack, self.environment) if self.version_tags else ""

    def recipients(self, manifest: Manifest) -> tuple[str, ...]:
        """The channels that are told of a model: the stack's, and those that its manifest names."""
        named = {*self.notify, *_notified(manifest)}
        return tuple(sorted(named & self.notify_channels.keys()))

    def unknown_recipients(self, manifest: Manifest) -> list[str]:
        """The names of a manifest that the stack has no channel for."""
        return sorted({*_notified(manifest)} - self.notify_channels.keys())

    def host_of(self, model: str) -> str:
        """Where a model answers from outside the cluster; empty where it does not."""
        return self.ingress_host.format(model=model)


def _notified(manifest: Manifest) -> tuple[str, ...]:
    ownership = manifest.spec.ownership
    return (ownership and ownership.notify) or ()


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


def read_settings(
    stack: str, get: Callable[[str], Any], is_encrypted: Callable[[str], bool]
) -> StackSettings:
    """The settings of `stack`.

    Args:
        get: a key's value without the project's prefix, None where it is not set; arrays as lists.
        is_encrypted: whether a key stands encrypted in the stack's file.

    Raises:
        SettingsError: naming each key, what is wrong and the file.
    """
    # Not in Pulumi.yaml: there, a secret that may be absent cannot be declared.
    for key in SECRETS:
        if get(key) and not is_encrypted(key):
            remedy = f"set it with `pulumi config set --secret {PROJECT}:{key}`"
            raise setting_error(stack, key, f"is a secret and stands in plain text: {remedy}")
    try:
        return StackSettings(
            environment=get("environment"),
            manifest_folders=tuple(map(Path, get("manifestFolders") or ())),
            namespace=get("namespace"),
            cluster_identifier=get("clusterIdentifier"),
            kube_context=get("kubeContext") or "",
            registry=get("registry"),
            image_builder=get("imageBuilder") or "buildkit",
            builder=get("builder"),
            base_image=get("baseImage"),
            trivy_database=get("trivyDatabase"),
            grype_database=get("grypeDatabase"),
            scan_timeout_seconds=get("scanTimeoutSeconds"),
            admission_action=get("admissionAction"),
            version_tags=get("versionTags") not in (False, "false"),
            signing_key=get("signingKey") or "",
            api_keys=_lists(stack, "apiKeys", get("apiKeys"), "fraud-detector"),
            notify=tuple(get("notify") or ()),
            notify_channels=_lists(stack, "notifyChannels", get("notifyChannels"), "slack"),
            model_store=ModelStore(
                endpoint=get("modelStoreEndpoint") or "",
                region=get("modelStoreRegion") or "us-east-1",
                access_key_id=get("modelStoreAccessKeyId") or "",
                secret_access_key=get("modelStoreSecretAccessKey") or "",
                key=get("modelStoreKey") or "",
                tracking_uri=get("mlflowTrackingUri") or "",
                signers=tuple(get("modelSigners") or ()),
            ),
            workload_identity=get("workloadIdentity") or {},
            replicas=get("replicas"),
            maximum_replicas=get("maximumReplicas"),
            default_team=get("defaultTeam"),
            caller_namespaces=tuple(get("callerNamespaces") or ()),
            ingress_host=get("ingressHost") or "",
            ingress_class=get("ingressClass") or "",
            ingress_address=get("ingressAddress") or "",
            ingress_authority=get("ingressAuthority") or "",
            certificate_issuer=get("certificateIssuer") or "",
            egress=tuple(get("egress") or ()),
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


def _lists(stack: str, key: str, text: str | None, example: str) -> Any:
    """A secret is text: this one holds JSON, which is not to be repeated where it is none."""
    try:
        return json.loads(text or "{}")
    # A list of JSON has been read already.
    except (ValueError, TypeError):
        problem = f'is no JSON object of names and their lists, such as {{"{example}": ["..."]}}'
        raise setting_error(stack, key, problem) from None


def _camel_case(location: tuple[int | str, ...]) -> str:
    first, *rest = str(location[0]).split("_")
    return first + "".join(word.capitalize() for word in rest)
