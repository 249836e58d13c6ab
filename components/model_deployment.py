"""A ModelDeployment: gate, image, objects and verification, in the order in which they happen."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_docker_build as docker_build
from pulumi import ResourceHookBinding, ResourceOptions

from components import availability, network, workload
from components.hooks import guarded_hook, in_hook_pool
from components.model_gate import GateInputs, ModelGate
from components.sizes import sizes_of
from mlifecycle import base_image, registry
from mlifecycle.artifact import Artifact
from mlifecycle.base_image import BaseImage
from mlifecycle.dependencies.store import LockStore
from mlifecycle.digests import folder_digest
from mlifecycle.gate import Dependencies, GateSettings
from mlifecycle.governance.context import Context
from mlifecycle.governance.evaluation import evaluate
from mlifecycle.governance.governance import Governance
from mlifecycle.governance.owners_file import POLICY_PACK
from mlifecycle.image import build, names
from mlifecycle.image.context import BuildContext, stage
from mlifecycle.image.names import BuildInputs
from mlifecycle.manifest.loading import LoadedManifest
from mlifecycle.manifest.plain import lines_to_text, to_plain
from mlifecycle.release.verification import Target, verify_release
from mlifecycle.report.validation import finding_as_json
from mlifecycle.security.evidence_store import store_evidence
from mlifecycle.stack.gating import build_inputs
from mlifecycle.stack.settings import MODEL_DEPLOYMENT, StackSettings

# Attaching, reading back and naming are some dozen requests to the registry.
NAMING_SECONDS = 600
VERIFICATION_SECONDS = 120
DELETE_SECONDS = 120


@dataclass(frozen=True)
class ModelDeploymentArgs:
    """What a model is made of.

    Attributes:
        loaded: the manifest, its file and the lines of its fields.
        governance: the owner's decisions, and
        context: what else a verdict depends on; neither is an input of the resource.
        artifact: what its store holds, or the reason why that cannot be released.
        dependencies: what it needs, and what that is locked to.
        locks: where a lock is kept.
        context_digest: over what all images are built of.
        generator_digest: over the code that makes the objects, so that a change of it is one.
        repository: why nothing may be released from this checkout, empty where nothing is.
    """

    loaded: LoadedManifest
    governance: Governance
    context: Context
    settings: StackSettings
    artifact: Artifact | str
    dependencies: Dependencies
    locks: LockStore
    base_image: BaseImage
    context_digest: str
    generator_digest: str
    gate: GateSettings
    repository: Callable[[], str]


class ModelDeployment(pulumi.ComponentResource):
    """One model of the stack.

    Attributes:
        image: what runs, `name:tag@sha256:...`, known in preview; None when the model is refused.
        summary: version, namespace, address and image, for the stack's outputs.
        refusal: why the gate refuses the model, empty where it does not.
        settled: the same, known when all of its objects are with the engine.
    """

    image: pulumi.Output[str] | None = None
    refusal: pulumi.Output[str]
    settled: pulumi.Output[str]
    summary: dict[str, Any]

    def __init__(self, args: ModelDeploymentArgs, opts: ResourceOptions) -> None:
        manifest = args.loaded.manifest
        model = manifest.spec.model
        inputs = build_inputs(
            manifest, args.artifact, args.base_image.reference, args.context_digest
        )
        environment, lines = args.settings.environment, args.loaded.lines()
        self._args = args
        self._evaluation = evaluate(manifest, environment, args.governance, args.context, lines)
        file = str(args.loaded.file)
        gated = GateInputs(
            model.name, file, self._evaluation, inputs, args.dependencies, args.context
        )
        self._gate = ModelGate(gated, args.gate, args.repository)
        # A finding is never raised here: the component registers with its plain manifest, so that
        # the policy pack reports every finding of every model in one preview.
        super().__init__(
            MODEL_DEPLOYMENT,
            model.name,
            {
                "environment": environment,
                "manifest": to_plain(manifest),
                "source": {"file": file, "lines": lines_to_text(lines)},
                "lock": args.dependencies.lock.digest,
                "build": inputs if isinstance(inputs, str) else inputs.digest(),
                "generator": args.generator_digest,
            },
            ResourceOptions.merge(opts, ResourceOptions(hooks=self._gate.hooks())),
        )
        self.refusal = pulumi.Output.from_input(self._gate.refusal(self.urn))
        namespace = args.settings.namespace_of(manifest)
        self.summary = {
            "version": model.version,
            "namespace": namespace,
            "address": f"http://{model.name}.{namespace}.svc",
            # What the next release of it is compared with.
            "metrics": {
                field: str(value)
                for field in ("accuracy", "f1_score")
                if (value := getattr(manifest.spec.metrics, field, None)) is not None
            },
        }
        if not isinstance(inputs, str):
            self.image = pulumi.Output.from_input(self._reference(inputs))
            self.summary["image"] = self.image
            ownership = manifest.spec.ownership
            team = (ownership and ownership.team) or args.settings.default_team
            release = workload.Release(
                model.name, model.version, namespace, team, args.dependencies.lock.digest
            )
            made = self._make_objects(inputs, release, self.image)
            urns = pulumi.Output.all(self.refusal, *(resource.urn for resource in made))
            self.settled = urns.apply(lambda known: str(known[0]))
        else:
            self.settled = self.refusal
        self.register_outputs({**self.summary, "governance": self._verdict()})

    def _verdict(self) -> dict[str, Any]:
        """What governance said, with the day: it is recorded here and decides nothing later."""
        return {
            "verdict": "refused" if self._evaluation.refused else "passed",
            "date": str(self._args.context.date),
            "findings": [
                json.dumps(finding_as_json(finding, self._args.context.date))
                for finding in self._evaluation.findings
            ],
        }

    def _make_objects(
        self, inputs: BuildInputs, release: workload.Release, image: pulumi.Output[str]
    ) -> list[pulumi.Resource]:
        settings = self._args.settings
        child = ResourceOptions(parent=self)
        secret = workload.credentials_secret(release, settings, child)
        account = workload.service_account(release, child)
        timeout = f"{settings.rollout_timeout_seconds}s"
        # Both wait for pods: neither may wait longer than a rollout may take.
        awaited = ResourceOptions(
            parent=self,
            custom_timeouts=pulumi.CustomTimeouts(create=timeout, update=timeout),
        )
        service = workload.service(release, awaited)
        inference = self._args.loaded.manifest.spec.inference
        clients = [client.namespace for client in (inference and inference.clients) or ()]
        callers = (*settings.caller_namespaces, *clients)
        scale = availability.scale_of(inference, settings)
        around = [
            network.model_policy(release, callers, settings.egress, child),
            availability.autoscaler(release, scale, child),
            availability.disruption_budget(release, child),
        ]
        before = [self._push(inputs), account, *([secret] if secret else [])]
        deployment = workload.deployment(
            release,
            image,
            sizes_of(inference, settings),
            settings,
            ResourceOptions.merge(
                awaited,
                ResourceOptions(depends_on=before, hooks=self._release_hooks(inputs, release)),
            ),
        )
        return [account, service, deployment, *around]

    def _push(self, inputs: BuildInputs) -> docker_build.Image:
        """Push by digest only: bytes get no name before they are known to be the scanned ones."""
        repository = names.repository(self._args.settings.registry, inputs.model)
        staged: pulumi.Output[BuildContext] = pulumi.Output.from_input(self._staged(inputs))
        return docker_build.Image(
            inputs.model,
            context=docker_build.BuildContextArgs(
                location=staged.apply(lambda folders: str(folders.server)),
                named={
                    "wheels": docker_build.ContextArgs(
                        location=staged.apply(lambda folders: str(folders.wheels))
                    ),
                    "release": docker_build.ContextArgs(
                        location=staged.apply(lambda folders: str(folders.release))
                    ),
                },
            ),
            build_args=build.build_arguments(inputs.base_image),
            labels=build.labels(inputs),
            builder=docker_build.BuilderConfigArgs(name=self._args.settings.builder),
            platforms=[docker_build.Platform.LINUX_AMD64],
            exports=[docker_build.ExportArgs(raw=build.push_output(repository))],
            # The gate builds in preview; a preview pushes nothing.
            build_on_preview=False,
            push=False,
            # Old images stay pullable for a rollback, also after `pulumi destroy`.
            opts=ResourceOptions(parent=self, retain_on_delete=True),
        )

    def _release_hooks(self, inputs: BuildInputs, release: workload.Release) -> ResourceHookBinding:
        """Around the Deployment, in `up` only: name the image before it, verify after it."""
        naming = guarded_hook(
            f"naming of {release.model}",
            lambda: self._name_image(inputs),
            timeout=NAMING_SECONDS,
            on_dry_run=False,
        )
        verification = guarded_hook(
            f"verification of {release.model}",
            lambda: self._verify(release),
            timeout=VERIFICATION_SECONDS,
            on_dry_run=False,
        )
        return ResourceHookBinding(
            before_create=[naming],
            before_update=[naming],
            after_create=[verification],
            after_update=[verification],
        )

    async def _reference(self, inputs: BuildInputs) -> Any:
        """What runs, from the gate's evidence; unknown where there is none."""
        if await self.refusal.future():
            return pulumi.UNKNOWN
        digest = self._gate.passed().evidence.image_digest
        return names.reference(self._args.settings.registry, inputs, digest)

    async def _staged(self, inputs: BuildInputs) -> BuildContext:
        await self.urn.future()
        return await in_hook_pool(lambda: stage(self._args.gate.scanners.server_source, inputs))

    def _name_image(self, inputs: BuildInputs) -> None:
        repository = names.repository(self._args.settings.registry, inputs.model)
        evidence = self._gate.passed().evidence
        lock = self._args.dependencies.lock
        if not lock.is_kept:
            self._args.locks.keep(self._args.loaded.manifest.spec.dependencies, lock)
        if not self._args.base_image.is_kept:
            base_image.keep(self._args.base_image, self._args.settings.registry)
        # Both fail when the registry lacks it: what was pushed is then not what was scanned.
        store_evidence(repository, evidence, folder_digest(POLICY_PACK))
        registry.set_tag(repository, evidence.image_digest, names.tag(inputs))

    def _verify(self, release: workload.Release) -> None:
        artifact = self._args.artifact
        if isinstance(artifact, str):
            raise RuntimeError(artifact)
        target = Target(
            namespace=release.namespace,
            service=release.model,
            model=release.model,
            version=release.version,
            kube_context=self._args.settings.kube_context,
        )
        verify_release(target, artifact.golden)
