"""The outputs of components, where one that fails must not end the program."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pulumi
from pulumi.runtime.stack import ResourceRegistrationFailed

__all__ = ["ResourceRegistrationFailed", "register_outputs"]


def register_outputs(component: pulumi.ComponentResource, outputs: Mapping[str, Any]) -> None:
    """Register a component's outputs, if the engine takes the component.

    Pulumi's own ends the program where it does not, and with the program the hooks that others
    are still waiting for.
    """

    async def register() -> Any:
        with suppress(ResourceRegistrationFailed):
            await component.urn.future()
            component.register_outputs(dict(outputs))

    # As an output, because the program waits for these.
    _: pulumi.Output[Any] = pulumi.Output.from_input(register())
