"""The models of the stack's folders as the product declares them, without gate and image."""

import json
from pathlib import Path
from typing import Any

import pulumi
from pulumi.runtime import get_config, is_config_secret

from components import availability, cluster, network, workload
from components.admission import Admission
from components.release import Release
from components.serving import secrets, serving_of
from mlifecycle.dependencies.lock import NO_LOCK
from mlifecycle.manifest.loading import LoadedManifest
from mlifecycle.manifest.plain import lines_to_text, to_plain
from mlifecycle.stack.settings import (
    MODEL_DEPLOYMENT,
    PROJECT,
    StackSettings,
    manifests_of,
    read_settings,
)

# Any will do: a preview pulls nothing.
DIGEST = f"sha256:{'0123456789abcdef' * 4}"


def main() -> None:
    """One provider and namespace, and in it one component with its objects for each manifest."""
    settings = read_settings(pulumi.get_stack(), _config, _is_encrypted)
    loaded = manifests_of(pulumi.get_stack(), settings, Path())
    provider = cluster.provider(settings)
    owned = cluster.namespaces(
        (settings.namespace_of(item.manifest) for item in loaded),
        Admission(pulumi.get_stack(), settings.admission_action, str),
        pulumi.ResourceOptions(provider=provider),
    )
    for item in loaded:
        namespace = settings.namespace_of(item.manifest)
        options = pulumi.ResourceOptions(providers=[provider], depends_on=[owned[namespace].closed])
        _model(item, namespace, settings, options)
    for owner in owned.values():
        owner.released.close()


def _model(
    item: LoadedManifest, namespace: str, settings: StackSettings, options: pulumi.ResourceOptions
) -> None:
    model = item.manifest.spec.model
    component = pulumi.ComponentResource(
        MODEL_DEPLOYMENT,
        model.name,
        {
            "environment": settings.environment,
            "manifest": to_plain(item.manifest),
            "source": {"file": str(item.file), "lines": lines_to_text(item.lines())},
        },
        options,
    )
    child = pulumi.ResourceOptions(parent=component)
    release = Release(model.name, model.version, namespace, settings.default_team, NO_LOCK.digest)
    serving = serving_of(item.manifest, settings)
    mounted = secrets(release, serving, settings, child)
    account = workload.service_account(release, settings, child)
    workload.service(release, serving, child)
    network.model_policy(
        release,
        settings.caller_namespaces,
        serving.ports.values(),
        settings.egress,
        child,
    )
    scale = availability.scale_of(item.manifest.spec.inference, settings)
    availability.autoscaler(release, scale, child)
    availability.disruption_budget(release, child)
    image = f"{settings.registry}/{model.name}/inference-service:{model.version}@{DIGEST}"
    before: list[pulumi.Resource] = [account, *mounted]
    workload.deployment(
        release,
        pulumi.Output.from_input(image),
        serving,
        settings,
        pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(depends_on=before)),
    )


def _is_encrypted(key: str) -> bool:
    return bool(is_config_secret(f"{PROJECT}:{key}"))


def _config(key: str) -> Any:
    """A key of the stack's configuration; arrays arrive as JSON."""
    value = get_config(f"{PROJECT}:{key}")
    return json.loads(value) if value and value.startswith("[") else value


if __name__ == "__main__":
    main()
