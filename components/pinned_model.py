"""A model that is held back: what was released before it, exactly as the ledger recorded it.

Nothing is rendered by today's code but its Secrets, of which a record has only the names.
"""

from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi import ResourceHookBinding, ResourceOptions

from components import admission
from components.cluster import OwnedNamespace
from components.model_verification import ModelVerification
from components.outputs import register_outputs
from components.release import Release
from components.serving import secrets, serving_of
from mlifecycle.artifact import ArtifactError, inspect_artifact
from mlifecycle.ledger import record as ledger
from mlifecycle.release.admission import kept_releases
from mlifecycle.release.registration import record as registration
from mlifecycle.release.verification import verify_release
from mlifecycle.stack.gating import CACHE, GatedStack
from mlifecycle.stack.recording import DEPLOYMENT, SECRETS
from mlifecycle.stack.settings import MODEL_DEPLOYMENT
from mlifecycle.stack.target import target_of


class _Recorded(pulumi.CustomResource):
    """A resource by its recorded type and inputs.

    Attributes:
        metadata: as the cluster has it.
    """

    metadata: pulumi.Output[Any]

    def __init__(self, item: Mapping[str, Any], opts: ResourceOptions) -> None:
        super().__init__(item["type"], item["name"], dict(item["inputs"]), opts)


class PinnedModel(pulumi.ComponentResource):
    """One model of the stack, as an earlier release left it; its attributes are those of a
    `ModelDeployment`.
    """

    def __init__(
        self,
        name: str,
        release: ledger.Release,
        stack: GatedStack,
        namespace: OwnedNamespace,
        opts: ResourceOptions,
    ) -> None:
        super().__init__(MODEL_DEPLOYMENT, name, dict(release.inputs), opts)
        self._release, self._stack = release, stack
        manifest, verified = release.manifest, release.verified
        keys = ("version", "namespace", "address", "metrics", "image")
        self.summary = {key: release.outputs[key] for key in keys}
        self.registration = registration(
            name,
            release.version,
            manifest.spec.model.framework or "",
            verified["environment"],
            verified["deployed_at"],
        )
        released = kept_releases(release.image, stack.context.released.get(name, ()))
        namespace.released.add(name, pulumi.Output.from_input(released))
        last = self._declare(namespace)
        self.settled = last.urn.apply(lambda _: "")
        register_outputs(
            self,
            {
                **self.summary,
                "released": released,
                **stack.kept(name),
                "governance": release.governance,
            },
        )

    def _declare(self, namespace: OwnedNamespace) -> ModelVerification:
        name, objects = self.pulumi_resource_name, self._release.objects
        child = ResourceOptions(parent=self)
        others = [item for item in objects if item["type"] not in (SECRETS, DEPLOYMENT)]
        around = [
            *(_Recorded(item, child) for item in others),
            *self._secrets(child),
            namespace.released.listed,
        ]
        manifest, settings = self._release.manifest, self._stack.settings
        patience = admission.patience(name, self._stack.name, settings.namespace_of(manifest))
        after = ResourceOptions(
            parent=self, depends_on=around, hooks=ResourceHookBinding(on_error=[patience])
        )
        (made,) = (item for item in objects if item["type"] == DEPLOYMENT)
        deployment = _Recorded(made, after)
        return ModelVerification(
            name,
            dict(self._release.verified),
            deployment.metadata.apply(lambda found: found["generation"]),
            ResourceOptions(parent=self, depends_on=[deployment]),
            verify=self._verify,
            rollout_seconds=self._stack.settings.rollout_timeout_seconds,
        )

    def _secrets(self, child: ResourceOptions) -> list[Any]:
        manifest, settings = self._release.manifest, self._stack.settings
        ownership = manifest.spec.ownership
        named = Release(
            self.pulumi_resource_name,
            self._release.version,
            settings.namespace_of(manifest),
            (ownership and ownership.team) or settings.default_team,
            self._release.verified["lock"],
        )
        return list(secrets(named, serving_of(manifest, settings), settings, child))

    def _verify(self) -> None:
        manifest, settings = self._release.manifest, self._stack.settings
        try:
            golden = inspect_artifact(manifest.spec.model.uri, settings.model_store, CACHE).golden
        except ArtifactError:
            # What it was released from may be gone. Its pods have it, or are not ready.
            golden = None
        verify_release(target_of(manifest, settings), golden)
