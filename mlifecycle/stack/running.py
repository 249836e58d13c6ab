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
from mlifecycle.stack.settings import MODEL_DEPLOYMENT, MODEL_VERIFICATION, StackSettings

ROOT = Path(__file__).parents[2]
EXPORT_SECONDS = 60
Resource = dict[str, Any]
# Of a verified release, what the next one is compared with.
_KEPT = ("environment", "manifest", "build", "lock", "image")


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
    try:
        resources = resources_of(stack)
        models = [item for item in resources.values() if item["type"] == MODEL_DEPLOYMENT]
        verified = {
            str(item.get("parent")): item["inputs"]["release"]
            for item in resources.values()
            if item["type"] == MODEL_VERIFICATION
        }
        return StackState(
            running={
                name_of(model): _running(model, verified[model["urn"]])
                for model in models
                if model["urn"] in verified
            },
            released={
                name_of(model): tuple(_outputs(model).get("released") or ()) for model in models
            },
            records={
                name_of(model): tag for model in models if (tag := _outputs(model).get("record"))
            },
            judged={name_of(model): tuple(_outputs(model).get("judged") or ()) for model in models},
            objects=tuple(_objects(resources, verified)),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ToolError(f"the state of stack {stack} cannot be read: {error}") from error


def resources_of(stack: str) -> dict[str, Resource]:
    """The resources of a stack's state, by their URN.

    Raises:
        ToolError: there is no such stack.
        ValueError, KeyError, TypeError, AttributeError: the state is of another shape.
    """
    command = ["pulumi", "stack", "export", "--stack", stack, "--non-interactive"]
    printed = run_tool(command, timeout=EXPORT_SECONDS, directory=ROOT)
    return {
        resource["urn"]: resource
        for resource in (json.loads(printed)["deployment"] or {}).get("resources") or ()
        # One that a replacement left behind has its successor's URN; external ones are others'.
        if not resource.get("delete") and not resource.get("external")
    }


def _outputs(resource: Resource) -> Resource:
    return resource.get("outputs") or {}


def _is_whole(model: Resource, verified: Resource) -> bool:
    """Whether what a model was released as last is what was verified last.

    Another version of the program may have kept less of it: then nobody knows.
    """
    last = {**(model.get("inputs") or {}), "image": _outputs(model).get("image")}
    return all(key in verified and last.get(key) == verified[key] for key in (*_KEPT, "generator"))


def _running(model: Resource, verified: Resource) -> RunningRelease:
    return RunningRelease(
        version=verified["version"],
        # A state of before it was kept has none.
        deployed_at=verified.get("deployed_at"),
        **verified["metrics"],
        **({key: verified[key] for key in _KEPT} if _is_whole(model, verified) else {}),
    )


def _objects(
    resources: Mapping[str, Resource], verified: Mapping[str, Resource]
) -> Iterator[MadeObject]:
    for resource in resources.values():
        model = model_of(resource, resources)
        release = verified.get(model["urn"]) if model else None
        is_whole = model and release and _is_whole(model, release)
        released_to = release["environment"] if is_whole and release else None
        inputs = resource.get("inputs") or {}
        for item in objects_of(resource["type"], name_of(resource), inputs):
            yield MadeObject(body=dict(item.body), released_to=released_to)


def model_of(resource: Resource, resources: Mapping[str, Resource]) -> Resource | None:
    """The model that a resource is a part of, however deep; None where it is of none."""
    while parent := resources.get(resource.get("parent") or ""):
        if parent["type"] == MODEL_DEPLOYMENT:
            return parent
        resource = parent
    return None


def name_of(resource: Resource) -> str:
    """What a resource is called in its program."""
    name: str = resource["urn"].rsplit("::", 1)[1]
    return name
