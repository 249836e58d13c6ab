"""What a stack's state knows of a model's verification: the release that was verified last."""

from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi import ResourceHook, ResourceHookBinding, ResourceOptions

from mlifecycle.stack.settings import MODEL_VERIFICATION


class ModelVerification(pulumi.ComponentResource):
    """The last release of a model that answered as it must.

    The engine keeps it as it was where verification fails, and where it never came to that: then
    the next run verifies anew, and nothing takes what was only tried for what runs.

    Args:
        release: all that makes it another release.
        deployment: what answers; each change of what its pods are is another generation.
        hook: verifies, or fails.
    """

    def __init__(
        self,
        name: str,
        release: dict[str, Any],
        deployment: kubernetes.apps.v1.Deployment,
        hook: ResourceHook,
        opts: ResourceOptions,
    ) -> None:
        hooks = ResourceHookBinding(before_create=[hook], before_update=[hook])
        super().__init__(
            MODEL_VERIFICATION,
            name,
            {"release": release, "generation": deployment.metadata.generation},
            ResourceOptions.merge(opts, ResourceOptions(depends_on=[deployment], hooks=hooks)),
        )
        self.register_outputs({})
