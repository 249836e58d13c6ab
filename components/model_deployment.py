"""A ModelDeployment: gate, image, objects and verification, in the order in which they happen."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi import ResourceHookBinding, ResourceOptions

from components import admission, availability, exposure, network, workload
from components.cluster import OwnedNamespace
from components.hooks import guarded_hook
from components.model_gate import GateInputs, ModelGate
from components.model_image import ModelImage
from components.model_verification import ModelVerification
from components.outputs import register_outputs
from components.release import Release
from components.serving import secrets, serving_of
from mlifecycle.clock import utc_now
from mlifecycle.governance.evaluation import evaluate
from mlifecycle.image.names import BuildInputs
from mlifecycle.manifest.loading import LoadedManifest
from mlifecycle.manifest.plain import lines_to_text, to_plain
from mlifecycle.manifest.schema import Manifest
from mlifecycle.release.admission import kept_releases
from mlifecycle.release.registration import record
from mlifecycle.release.verification import verify_release
from mlifecycle.report.validation import finding_as_json
from mlifecycle.stack.gating import GatedStack, Materials
from mlifecycle.stack.settings import MODEL_DEPLOYMENT, StackSettings
from mlifecycle.stack.target import target_of

# Attaching, reading back and naming are some dozen requests to the registry.
NAMING_SECONDS = 600


@dataclass(frozen=True)
class ModelDeploymentArgs:
    """What a model is made of.

    Attributes:
        loaded: the manifest, its file and the lines of its fields.
        stack: what gates it, by which decisions, and what its image is made of; of that only what
            the image is made of is an input of the resource.
        namespace: where it lands; None where its manifest does not say, and is refused.
        materials: what it is released from.
        generator_digest: over the code that makes the objects, so that a change of it is one.
        repository: why nothing may be released from this checkout, empty where nothing is.
    """

    loaded: LoadedManifest
    stack: GatedStack
    namespace: OwnedNamespace | None
    materials: Materials
    generator_digest: str
    repository: Callable[[], str]


class ModelDeployment(pulumi.ComponentResource):
    """One model of the stack.

    Attributes:
        image: what runs, `name:tag@sha256:...`, known in preview; None when the model is refused.
        summary: version, namespace, address and image, for the stack's outputs.
        registration: what the model registry is told of it, when it is verified.
        refusal: why the gate refuses the model, empty where it does not.
        settled: the same, known when all of its objects are with the engine.
    """

    image: pulumi.Output[str] | None = None
    refusal: pulumi.Output[str]
    settled: pulumi.Output[str]
    summary: dict[str, Any]
    registration: dict[str, Any]

    def __init__(self, args: ModelDeploymentArgs, opts: ResourceOptions) -> None:
        manifest = args.loaded.manifest
        model = manifest.spec.model
        inputs, dependencies = args.materials.inputs, args.materials.dependencies
        environment, lines = args.stack.settings.environment, args.loaded.lines()
        self._args = args
        self._evaluation = evaluate(
            manifest, environment, args.stack.gate.governance, args.stack.context, lines
        )
        file = str(args.loaded.file)
        candidate = args.materials.candidate(self._evaluation)
        gated = GateInputs(model.name, file, candidate, args.stack.context)
        self._gate = ModelGate(gated, args.stack.gate, args.repository)
        image = None if isinstance(inputs, str) else self._image_of(inputs)
        what = {
            "environment": environment,
            "manifest": to_plain(manifest),
            "lock": dependencies.lock.digest,
            "build": inputs if isinstance(inputs, str) else inputs.digest(),
            "generator": args.generator_digest,
        }
        # A finding is never raised here: the component registers with its plain manifest, so that
        # the policy pack reports every finding of every model in one preview.
        super().__init__(
            MODEL_DEPLOYMENT,
            model.name,
            {
                **what,
                "source": {"file": file, "lines": lines_to_text(lines)},
                "scanners": args.stack.scanned_by,
                # Where nothing else changes, what the registry has lost is put there again. When
                # that is done it must be no change that it is done, so then it is ignored.
                **({"gate": f"owed {uuid4()}"} if args.materials.is_owed else {}),
            },
            ResourceOptions.merge(
                opts,
                ResourceOptions(
                    hooks=self._gate.hooks(
                        image.publish_again if image and args.materials.is_owed else None
                    ),
                    ignore_changes=[] if args.materials.is_owed else ["gate"],
                ),
            ),
        )
        self.refusal = pulumi.Output.from_input(self._gate.refusal(self.urn))
        self.summary = _summary(manifest, args.stack.settings)
        self.registration = record(
            model.name, model.version, model.framework or "", environment, self._deployed_at(what)
        )
        self.settled = self.refusal if image is None else self._deploy(image, what)
        released: pulumi.Output[list[str]] = pulumi.Output.from_input(self._released(image))
        if args.namespace is not None:
            args.namespace.released.add(model.name, released)
        register_outputs(
            self,
            {
                **self.summary,
                "released": released,
                **args.stack.kept(model.name),
                "governance": self._verdict(),
            },
        )

    def _deploy(self, image: ModelImage, what: dict[str, Any]) -> pulumi.Output[str]:
        """Make all that the model runs on, and verify it; the refusal, when that is declared.

        Args:
            what: all but image, version and figures that makes it another release.
        """
        stack, manifest = self._args.stack, self._args.loaded.manifest
        model, ownership = manifest.spec.model, manifest.spec.ownership
        self.image = pulumi.Output.from_input(self._reference(image))
        self.summary["image"] = self.image
        release = Release(
            model.name,
            model.version,
            stack.settings.namespace_of(manifest),
            (ownership and ownership.team) or stack.settings.default_team,
            self._args.materials.dependencies.lock.digest,
        )
        deployment, around = self._make_objects(image, release, self.image)
        verified = {
            **what,
            **{key: self.summary[key] for key in ("version", "image", "metrics")},
            "deployed_at": self.registration["deployed_at"],
        }
        child = ResourceOptions(parent=self, depends_on=[deployment, *around])
        generation = deployment.metadata.generation
        last = ModelVerification(
            model.name,
            verified,
            generation,
            child,
            verify=lambda: self._verify(image),
            rollout_seconds=stack.settings.rollout_timeout_seconds,
        )
        return pulumi.Output.all(self.refusal, last.urn).apply(lambda known: str(known[0]))

    def _deployed_at(self, what: dict[str, Any]) -> str:
        """When this release was made: now, unless the stack runs just this."""
        running = (self._args.stack.context.running or {}).get(self.pulumi_resource_name)
        same = running and all(
            getattr(running, key) == what[key] for key in ("manifest", "build", "lock")
        )
        if running and same and running.deployed_at:
            return running.deployed_at
        return utc_now()

    def _image_of(self, inputs: BuildInputs) -> ModelImage:
        args = self._args
        return ModelImage(
            inputs,
            args.loaded.manifest,
            args.materials.dependencies.lock,
            args.stack,
            self._gate.passed,
        )

    def _verdict(self) -> dict[str, Any]:
        """What governance said, with the day: it is recorded here and decides nothing later."""
        return {
            "verdict": "refused" if self._evaluation.refused else "passed",
            "date": str(self._args.stack.context.date),
            "findings": [
                json.dumps(finding_as_json(finding, self._args.stack.context.date))
                for finding in self._evaluation.findings
            ],
        }

    def _make_objects(
        self, image: ModelImage, release: Release, reference: pulumi.Output[str]
    ) -> tuple[kubernetes.apps.v1.Deployment, list[pulumi.Resource]]:
        settings = self._args.stack.settings
        child = ResourceOptions(parent=self)
        serving = serving_of(self._args.loaded.manifest, settings)
        mounted = secrets(release, serving, settings, child)
        account = workload.service_account(release, settings, child)
        service = workload.service(release, serving, child)
        inference = self._args.loaded.manifest.spec.inference
        clients = [client.namespace for client in (inference and inference.clients) or ()]
        callers = (*settings.caller_namespaces, *clients)
        scale = availability.scale_of(inference, settings)
        around = [
            network.model_policy(release, callers, serving.ports.values(), settings.egress, child),
            availability.autoscaler(release, scale, child),
            availability.disruption_budget(release, child),
            *([exposure.ingress(release, settings, child)] if settings.ingress_host else []),
        ]
        before = [image.push(self), account, *mounted]
        if self._args.namespace is not None:
            before.append(self._args.namespace.released.listed)
        hooks = self._release_hooks(image, release)
        deployment = workload.deployment(
            release,
            reference,
            serving,
            settings,
            ResourceOptions.merge(child, ResourceOptions(depends_on=before, hooks=hooks)),
        )
        return deployment, [account, service, *around]

    def _release_hooks(self, image: ModelImage, release: Release) -> ResourceHookBinding:
        """Of the Deployment, in `up` only: name the image before it; and try again where an API
        server has not heard yet that the image is released.
        """
        naming = guarded_hook(
            f"naming of {release.model}",
            image.publish,
            timeout=NAMING_SECONDS,
            on_dry_run=False,
        )
        return ResourceHookBinding(
            before_create=[naming],
            before_update=[naming],
            on_error=[admission.patience(release.model, self._args.stack.name, release.namespace)],
        )

    async def _reference(self, image: ModelImage) -> Any:
        """What runs, from the gate's evidence; unknown where there is none."""
        return pulumi.UNKNOWN if await self.refusal.future() else image.reference()

    async def _released(self, image: ModelImage | None) -> list[str]:
        """What the model may run: this release, if it is one, and those before it."""
        stack = self._args.stack
        earlier = stack.context.released.get(self.pulumi_resource_name, ())
        if image is None or await self.refusal.future():
            return list(earlier)
        return kept_releases(image.reference(), earlier)

    def _verify(self, image: ModelImage) -> None:
        artifact = self._args.materials.artifact
        if isinstance(artifact, str):
            raise RuntimeError(artifact)
        target = target_of(self._args.loaded.manifest, self._args.stack.settings)
        verified = verify_release(target, artifact.golden)
        if verified.samples:
            image.publish_result(verified.samples)


def _summary(manifest: Manifest, settings: StackSettings) -> dict[str, Any]:
    model, namespace = manifest.spec.model, settings.namespace_of(manifest)
    host = settings.host_of(model.name)
    return {
        "version": model.version,
        "namespace": namespace,
        # Where callers reach it; from inside the cluster, always at its Service.
        "address": f"https://{host}" if host else f"http://{model.name}.{namespace}.svc",
        # What the next release of it is compared with.
        "metrics": {
            field: str(value)
            for field in ("accuracy", "f1_score")
            if (value := getattr(manifest.spec.metrics, field, None)) is not None
        },
    }
