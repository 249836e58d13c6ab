"""What a stack's state knows of a model's verification: the release that was verified last."""

from collections.abc import Callable
from typing import Any

import pulumi
from pulumi import ResourceHookBinding, ResourceOptions

from components.hooks import guarded_hook
from components.outputs import register_outputs
from mlifecycle.stack.settings import MODEL_VERIFICATION

# For the answers, inside the cluster and then outside (mlifecycle/release/verification.py).
ANSWERS_SECONDS = 180


class ModelVerification(pulumi.ComponentResource):
    """The last release of a model that answered as it must.

    The engine keeps it as it was where verification fails, and where it never came to that: then
    the next run verifies anew, and nothing takes what was only tried for what runs.

    Args:
        release: all that makes it another release.
        generation: the Deployment's; each change of what its pods are is another one.
        verify: fails where the release does not answer as it must.
        rollout_seconds: how long its pods may take to become ready.
    """

    def __init__(
        self,
        name: str,
        release: dict[str, Any],
        generation: pulumi.Input[int],
        opts: ResourceOptions,
        *,
        verify: Callable[[], object],
        rollout_seconds: float,
    ) -> None:
        hook = guarded_hook(
            f"verification of {name}",
            verify,
            timeout=rollout_seconds + ANSWERS_SECONDS,
            on_dry_run=False,
        )
        hooks = ResourceHookBinding(before_create=[hook], before_update=[hook])
        super().__init__(
            MODEL_VERIFICATION,
            name,
            {"release": release, "generation": generation},
            ResourceOptions.merge(opts, ResourceOptions(hooks=hooks)),
        )
        register_outputs(self, {})
