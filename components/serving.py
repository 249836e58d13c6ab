"""What a manifest asks of the server: size, limits, callers, and the secrets that these need."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta import v1 as meta

from components.release import Release
from components.sizes import Sizes, sizes_of
from mlifecycle.manifest.schema import Manifest
from mlifecycle.stack.settings import StackSettings

CREDENTIALS_FOLDER = "/etc/mlifecycle/model-store"
CALLERS_FOLDER = "/etc/mlifecycle/callers"
CALLERS_FILE = "keys"
PORT, GRPC_PORT = 8080, 9000
STORE_SECRET, CALLERS_SECRET = "model-store", "callers"


@dataclass(frozen=True)
class Serving:
    """What is asked of the server, and what it gets for that.

    Attributes:
        callers: lines of `sha256:<hex>`, one for each key that callers may bring; empty where
            everybody may call whom the network lets through.
        environment: its variables; no secret.
        ports: those that it listens on, by name.
    """

    sizes: Sizes
    callers: str
    environment: Mapping[str, str]
    ports: Mapping[str, int]

    @property
    def callers_digest(self) -> str:
        """Another one where a key has come or gone; it tells none of them."""
        return hashlib.sha256(self.callers.encode()).hexdigest() if self.callers else ""


def serving_of(manifest: Manifest, settings: StackSettings) -> Serving:
    """From the manifest, the environment's defaults, and the stack's keys for the model."""
    inference = manifest.spec.inference
    limits = inference.limits if inference else None
    keys = settings.api_keys.get(manifest.spec.model.name, ())
    needs_key = inference is not None and inference.auth is not None
    callers = [f"sha256:{hashlib.sha256(key.encode()).hexdigest()}\n" for key in keys]
    store = settings.model_store
    ports = {"http": PORT, **({"grpc": GRPC_PORT} if inference and inference.grpc else {})}
    values = {
        "MLIFECYCLE_MODEL_STORE_ENDPOINT": store.endpoint,
        "MLIFECYCLE_MODEL_STORE_REGION": store.region,
        "MLIFECYCLE_MODEL_STORE_CREDENTIALS": CREDENTIALS_FOLDER if store.is_keyed else None,
        "MLIFECYCLE_MAX_ROWS": limits and limits.max_rows,
        "MLIFECYCLE_MAX_BYTES": limits and limits.max_bytes,
        "MLIFECYCLE_CALLERS": f"{CALLERS_FOLDER}/{CALLERS_FILE}" if needs_key else None,
        "MLIFECYCLE_GRPC_PORT": ports.get("grpc"),
    }
    return Serving(
        sizes_of(inference, settings),
        "".join(callers) if needs_key else "",
        {name: str(value) for name, value in values.items() if value},
        ports,
    )


def secrets(
    release: Release, serving: Serving, settings: StackSettings, options: pulumi.ResourceOptions
) -> list[core.Secret]:
    """What the pods mount: the model store's key, where the workload has no identity of its own,
    and the digests of the callers' keys. Both are encrypted in the state.
    """
    store, made = settings.model_store, []
    if store.is_keyed:
        data = {
            "accessKeyId": store.access_key_id,
            "secretAccessKey": store.secret_access_key,
            "key": store.key,
        }
        given = {name: value for name, value in data.items() if value}
        made.append(_secret(release, STORE_SECRET, given, options))
    if serving.callers:
        made.append(_secret(release, CALLERS_SECRET, {CALLERS_FILE: serving.callers}, options))
    return made


def _secret(
    release: Release, suffix: str, data: Mapping[str, str], options: pulumi.ResourceOptions
) -> core.Secret:
    name = f"{release.model}-{suffix}"
    return core.Secret(
        name,
        metadata=meta.ObjectMetaArgs(
            name=name, namespace=release.namespace, labels=release.labels()
        ),
        string_data=pulumi.Output.secret(dict(data)),
        opts=options,
    )
