"""The image of a model: pushed by digest, and published when the registry has what was scanned."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_docker as docker
import pulumi_docker_build as docker_build

from components.hooks import in_hook_pool
from mlifecycle.dependencies.lock import Lock
from mlifecycle.gate import GateRefusal, Passed
from mlifecycle.image import build, names
from mlifecycle.image.context import BuildContext, in_one_folder, stage
from mlifecycle.image.names import BuildInputs
from mlifecycle.manifest.schema import Manifest
from mlifecycle.process import ToolError
from mlifecycle.release.publication import Destination, publish, publish_result, push_scanned
from mlifecycle.report.remedies import with_remedy
from mlifecycle.security.image_scan import layout_of
from mlifecycle.stack.gating import GatedStack


@dataclass(frozen=True)
class ModelImage:
    """One model's image, and what is kept with it.

    Attributes:
        lock: what the manifest's dependencies are locked to.
        passed: passes the gate, or finds it passed.
    """

    inputs: BuildInputs
    manifest: Manifest
    lock: Lock
    stack: GatedStack
    passed: Callable[[], Passed]

    @property
    def _destination(self) -> Destination:
        return self.stack.destination(self.inputs)

    def push(self, parent: pulumi.Resource) -> pulumi.Resource:
        """Push by digest only: bytes get no name before they are known to be the scanned ones."""
        staged: pulumi.Output[BuildContext] = pulumi.Output.from_input(self._staged(parent))
        if self.stack.settings.image_builder == "docker":
            return self._build_in_daemon(staged, parent)
        return docker_build.Image(
            self.inputs.model,
            context=docker_build.BuildContextArgs(
                location=staged.apply(lambda folders: str(folders.server)),
                named={
                    "patches": docker_build.ContextArgs(
                        location=staged.apply(lambda folders: str(folders.patches))
                    ),
                    "wheels": docker_build.ContextArgs(
                        location=staged.apply(lambda folders: str(folders.wheels))
                    ),
                    "release": docker_build.ContextArgs(
                        location=staged.apply(lambda folders: str(folders.release))
                    ),
                },
            ),
            build_args=build.build_arguments(self.inputs.base_image),
            labels=build.labels(self.inputs),
            builder=docker_build.BuilderConfigArgs(name=self.stack.settings.builder),
            platforms=[docker_build.Platform.LINUX_AMD64],
            exports=[docker_build.ExportArgs(raw=build.push_output(self._destination.repository))],
            # The gate builds in preview; a preview pushes nothing.
            build_on_preview=False,
            push=False,
            # Old images stay pullable for a rollback, also after `pulumi destroy`.
            opts=pulumi.ResourceOptions(parent=parent, retain_on_delete=True),
        )

    def _build_in_daemon(
        self, staged: pulumi.Output[BuildContext], parent: pulumi.Resource
    ) -> docker.Image:
        """Build with the Docker daemon, which pushes nothing (docs/decisions/0018)."""
        cache = self.stack.gate.scanners.cache
        folder = staged.apply(lambda context: str(in_one_folder(context, self.inputs, cache)))
        return docker.Image(
            self.inputs.model,
            image_name=f"{self._destination.repository}:{names.tag(self.inputs)}",
            build=docker.DockerBuildArgs(
                context=folder,
                dockerfile=folder.apply(lambda path: f"{path}/Dockerfile"),
                args=build.build_arguments(self.inputs.base_image),
                builder_version=docker.BuilderVersion.BUILDER_BUILD_KIT,
                platform=build.PLATFORM,
            ),
            build_on_preview=False,
            skip_push=True,
            opts=pulumi.ResourceOptions(parent=parent),
        )

    def reference(self) -> str:
        """What runs, `name:tag@sha256:...`."""
        digest = self.passed().evidence.image_digest
        return names.reference(self.stack.settings.registry, self.inputs, digest)

    def publish(self) -> None:
        """Keep what the image is made of, attach its evidence, and give it its names."""
        if self.stack.settings.image_builder == "docker":
            self._push_scanned()
        if not self.lock.is_kept:
            self.stack.locks.keep(self.manifest.spec.dependencies, self.lock)
        if not self.stack.base_image.is_kept:
            self.stack.base_images.keep(self.stack.base_image)
        passed = self.passed()
        publish(
            passed.evidence, self.inputs, self.manifest, self._destination, stands=passed.stands
        )

    def publish_result(self, samples: int) -> None:
        """State that what runs answered so many golden samples."""
        publish_result(self.passed().evidence.image_digest, self.inputs, samples, self._destination)

    def publish_again(self) -> None:
        """The same, where the registry has lost some of it and nothing else changes."""
        self._push_scanned()
        self.publish()

    def _push_scanned(self) -> None:
        layout = layout_of(self.inputs, self.stack.gate.scanners)
        push_scanned(layout, self.passed().evidence.image_digest, self._destination)

    async def _staged(self, parent: pulumi.Resource) -> Any:
        """The folders that it is built from; unknown in a preview whose gate refuses it."""
        await parent.urn.future()
        try:
            return await in_hook_pool(self._stage)
        except GateRefusal as refusal:
            if not pulumi.runtime.is_dry_run():
                raise pulumi.RunError(f"{self.inputs.model}\n{refusal}") from refusal
            # Every model's refusal is told together, when all gates have been passed or not.
            return pulumi.UNKNOWN
        except (ToolError, OSError) as error:
            raise pulumi.RunError(f"{self.inputs.model}: {with_remedy(error)}") from error

    def _stage(self) -> BuildContext:
        self.passed()
        scanners = self.stack.gate.scanners
        copy = scanners.patches.copy
        return stage(scanners.server_source, self.inputs, copy, scanners.cache)
