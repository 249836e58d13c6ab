"""What a stack runs now, from its state: what the next release is compared with."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mlifecycle.governance.context import (
    Context,
    MadeObject,
    RunningRelease,
    StackState,
    read_context,
)
from mlifecycle.governance.objects.unfolding import objects_of
from mlifecycle.process import ToolError, run_tool
from mlifecycle.stack.settings import MODEL_DEPLOYMENT, StackSettings

ROOT = Path(__file__).parents[2]
EXPORT_SECONDS = 60
Resource = dict[str, Any]


def context_of(stack: str, settings: StackSettings) -> Context:
    """What a verdict in a stack depends on: the recorded context if there is one, else today's.

    Raises:
        ContextError, OwnersFileError: as `read_context`.
        ToolError: the stack's state cannot be read.
    """
    return read_context((settings.registry,), settings.namespace, state=lambda: state_of(stack))


def state_of(stack: str) -> StackState:
    """The models and the Kubernetes objects that the stack's state holds.

    Raises:
        ToolError: there is no such stack, or its state cannot be read.
    """
    command = ["pulumi", "stack", "export", "--stack", stack, "--non-interactive"]
    printed = run_tool(command, timeout=EXPORT_SECONDS, directory=ROOT)
    try:
        resources = {
            resource["urn"]: resource
            for resource in (json.loads(printed)["deployment"] or {}).get("resources") or ()
            # One that a replacement left behind has its successor's URN; external ones are others'.
            if not resource.get("delete") and not resource.get("external")
        }
        return StackState(
            running=dict(
                _running(resource)
                for resource in resources.values()
                if resource["type"] == MODEL_DEPLOYMENT and _is_whole(resource)
            ),
            objects=tuple(_objects(resources)),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ToolError(f"the state of stack {stack} cannot be read: {error}") from error


def _is_whole(model: Resource) -> bool:
    """Whether a model's release ended well; one that was never made whole has no outputs yet."""
    return bool((model.get("outputs") or {}).get("image"))


def _running(resource: Resource) -> tuple[str, RunningRelease]:
    outputs, inputs = resource["outputs"], resource.get("inputs") or {}
    release = RunningRelease(
        version=outputs["version"],
        environment=inputs.get("environment"),
        manifest=inputs.get("manifest"),
        build=inputs.get("build"),
        lock=inputs.get("lock"),
        image=outputs["image"],
        released=outputs.get("released") or (),
        **outputs.get("metrics") or {},
    )
    return _name_of(resource), release


def _objects(resources: Mapping[str, Resource]) -> Iterator[MadeObject]:
    for resource in resources.values():
        model = _model_of(resource, resources)
        released = model if model and _is_whole(model) else {}
        released_to = (released.get("inputs") or {}).get("environment")
        inputs = resource.get("inputs") or {}
        for item in objects_of(resource["type"], _name_of(resource), inputs):
            yield MadeObject(body=dict(item.body), released_to=released_to)


def _model_of(resource: Resource, resources: Mapping[str, Resource]) -> Resource | None:
    """The model that a resource is a part of, however deep; None where it is of none."""
    while parent := resources.get(resource.get("parent") or ""):
        if parent["type"] == MODEL_DEPLOYMENT:
            return parent
        resource = parent
    return None


def _name_of(resource: Resource) -> str:
    name: str = resource["urn"].rsplit("::", 1)[1]
    return name
