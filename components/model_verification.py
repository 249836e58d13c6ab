"""What a stack's state knows of a model's verification: the release that was verified last."""

from typing import Any

import pulumi
from pulumi import ResourceHook, ResourceHookBinding, ResourceOptions

from mlifecycle.stack.settings import MODEL_VERIFICATION


class ModelVerification(pulumi.ComponentResource):
    """The last release of a model that answered as it must.

    The engine keeps it as it was where verification fails, and where it never came to that: then
    the next run verifies anew, and nothing takes what was only tried for what runs.

    Args:
        release: all that makes it another release.
        generation: the Deployment's; each change of what its pods are is another one.
        hook: verifies, or fails.
    """

    def __init__(
        self,
        name: str,
        release: dict[str, Any],
        generation: pulumi.Input[int],
        hook: ResourceHook,
        opts: ResourceOptions,
    ) -> None:
        hooks = ResourceHookBinding(before_create=[hook], before_update=[hook])
        super().__init__(
            MODEL_VERIFICATION,
            name,
            {"release": release, "generation": generation},
            ResourceOptions.merge(opts, ResourceOptions(hooks=hooks)),
        )
        self.register_outputs({})
