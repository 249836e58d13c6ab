"""A model that is held back: what was released before it, exactly as the ledger recorded it.

Nothing is rendered by today's code but its Secrets, of which a record has only the names.
"""

from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi import ResourceHookBinding, ResourceOptions

from components.cluster import OwnedNamespace
from components.hooks import guarded_hook, patient_hook
from components.model_deployment import VERIFICATION_SECONDS
from components.model_verification import ModelVerification
from components.release import Release
from components.serving import secrets, serving_of
from mlifecycle.artifact import ArtifactError, inspect_artifact
from mlifecycle.ledger.record import Record
from mlifecycle.manifest.plain import from_plain
from mlifecycle.release.admission import LEARNING_SECONDS, is_denial, kept_releases
from mlifecycle.release.registration import record as registration
from mlifecycle.release.verification import verify_release
from mlifecycle.stack.gating import CACHE, GatedStack
from mlifecycle.stack.recording import SECRET
from mlifecycle.stack.settings import MODEL_DEPLOYMENT
from mlifecycle.stack.target import target_of

DEPLOYMENT = "kubernetes:apps/v1:Deployment"


class _Recorded(pulumi.CustomResource):
    """A resource by its recorded type and inputs.

    Attributes:
        metadata: as the cluster has it.
    """

    metadata: pulumi.Output[Any]

    def __init__(self, item: Mapping[str, Any], opts: ResourceOptions) -> None:
        super().__init__(item["type"], item["name"], dict(item["inputs"]), opts)


class PinnedModel(pulumi.ComponentResource):
    """One model of the stack, as an earlier release left it; the attributes are as of a
    `ModelDeployment`.
    """

    def __init__(
        self,
        record: Record,
        stack: GatedStack,
        namespace: OwnedNamespace | None,
        opts: ResourceOptions,
    ) -> None:
        self._record, self._stack = record, stack
        release = record.release
        super().__init__(MODEL_DEPLOYMENT, record.model, dict(release["inputs"]), opts)
        self.image = pulumi.Output.from_input(str(release["image"]))
        self.refusal = pulumi.Output.from_input("")
        outputs = release["outputs"]
        self.summary = {
            key: outputs[key] for key in ("version", "namespace", "address", "metrics", "image")
        }
        self.registration = registration(
            record.model,
            release["version"],
            release["manifest"]["spec"]["model"].get("framework") or "",
            release["environment"],
            release["deployed_at"],
        )
        earlier = stack.context.released.get(record.model, ())
        released = kept_releases(str(release["image"]), earlier)
        if namespace is not None:
            namespace.released.add(pulumi.Output.from_input(released))
        last = self._declare(namespace)
        self.settled = last.urn.apply(lambda _: "")
        self.register_outputs(
            {**self.summary, "released": released, "governance": release["governance"]}
        )

    def _declare(self, namespace: OwnedNamespace | None) -> ModelVerification:
        record, stack = self._record, self._stack
        child = ResourceOptions(parent=self)
        before: list[pulumi.Resource] = list(self._secrets(child))
        if namespace is not None:
            before.append(namespace.released.resource)
        others = [item for item in record.objects if item["type"] not in (SECRET, DEPLOYMENT)]
        around: list[pulumi.Resource] = [_Recorded(item, child) for item in others]
        (made,) = (item for item in record.objects if item["type"] == DEPLOYMENT)
        admission = patient_hook(
            f"admission of {record.model}",
            lambda message: is_denial(message, stack.name),
            LEARNING_SECONDS,
        )
        after = ResourceOptions(
            parent=self,
            depends_on=[*before, *around],
            hooks=ResourceHookBinding(on_error=[admission]),
        )
        deployment = _Recorded(made, after)
        verification = guarded_hook(
            f"verification of {record.model}",
            self._verify,
            timeout=stack.settings.rollout_timeout_seconds + VERIFICATION_SECONDS,
            on_dry_run=False,
        )
        return ModelVerification(
            record.model,
            dict(record.release["verified"]),
            deployment.metadata.apply(lambda found: found["generation"]),
            verification,
            ResourceOptions(parent=self, depends_on=[deployment]),
        )

    def _secrets(self, child: ResourceOptions) -> list[Any]:
        release, settings = self._record.release, self._stack.settings
        manifest = from_plain(release["manifest"])
        ownership = manifest.spec.ownership
        named = Release(
            self._record.model,
            release["version"],
            release["outputs"]["namespace"],
            (ownership and ownership.team) or settings.default_team,
            release["lock"],
        )
        return secrets(named, serving_of(manifest, settings), settings, child)

    def _verify(self) -> None:
        manifest = from_plain(self._record.release["manifest"])
        settings = self._stack.settings
        try:
            golden = inspect_artifact(manifest.spec.model.uri, settings.model_store, CACHE).golden
        except ArtifactError:
            # What it was released from may be gone. Its pods have it, or are not ready.
            golden = None
        verify_release(target_of(manifest, settings), golden)
