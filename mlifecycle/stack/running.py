"""What a stack runs now, from its state: what the next release is compared with."""

import json
from pathlib import Path
from typing import Any

from mlifecycle.governance.context import Context, RunningRelease, read_context
from mlifecycle.process import ToolError, run_tool
from mlifecycle.stack.settings import MODEL_DEPLOYMENT, StackSettings

ROOT = Path(__file__).parents[2]
EXPORT_SECONDS = 60


def context_of(stack: str, settings: StackSettings) -> Context:
    """What a verdict in a stack depends on: the recorded context if there is one, else today's.

    Raises:
        ContextError, OwnersFileError: as `read_context`.
        ToolError: the stack's state cannot be read.
    """
    return read_context(
        (settings.registry,), settings.namespace, running=lambda: running_releases(stack)
    )


def running_releases(stack: str) -> dict[str, RunningRelease]:
    """The release of each model that the stack's state holds.

    Raises:
        ToolError: there is no such stack, or its state cannot be read.
    """
    command = ["pulumi", "stack", "export", "--stack", stack, "--non-interactive"]
    printed = run_tool(command, timeout=EXPORT_SECONDS, directory=ROOT)
    try:
        resources = (json.loads(printed)["deployment"] or {}).get("resources") or ()
        return dict(
            _running(resource)
            for resource in resources
            # One that was never made whole has no outputs yet.
            if resource["type"] == MODEL_DEPLOYMENT and (resource.get("outputs") or {}).get("image")
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ToolError(f"the state of stack {stack} cannot be read: {error}") from error


def _running(resource: dict[str, Any]) -> tuple[str, RunningRelease]:
    outputs, inputs = resource["outputs"], resource.get("inputs") or {}
    release = RunningRelease(
        version=outputs["version"],
        manifest=inputs.get("manifest"),
        build=inputs.get("build"),
        lock=inputs.get("lock"),
        image=outputs["image"],
        released=outputs.get("released") or (),
        **outputs.get("metrics") or {},
    )
    return resource["urn"].rsplit("::", 1)[1], release
