"""Every Kubernetes object that the program makes is judged before the engine gets it.

The policy pack judges the same objects by the same rules, but an engine on a self-managed backend
runs it only where it is asked to; this runs always.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
from pulumi.runtime import register_resource_transform

from mlifecycle.governance.context import Context
from mlifecycle.governance.findings import refusals
from mlifecycle.governance.governance import Governance
from mlifecycle.governance.objects.evaluation import (
    evaluate_object,
    object_texts,
)
from mlifecycle.governance.objects.kubernetes import KubernetesObject
from mlifecycle.governance.objects.standing import judge_stack
from mlifecycle.governance.objects.unfolding import PROVIDER, objects_of
from mlifecycle.governance.objects.values import UNKNOWN
from mlifecycle.governance.rule import NotDecided
from mlifecycle.report.escape import terminal


class ObjectGate:
    """Refuses each object that breaks a mandatory rule, from here to the program's end.

    A refused object gets a hook that fails: so one preview shows every one of them, `up` makes
    none, and one that stands unchanged does not stop other changes.
    """

    def __init__(self, environment: str, governance: Governance, context: Context) -> None:
        self._environment = environment
        self._governance = governance
        self._context = context
        self._seen: list[KubernetesObject] = []
        register_resource_transform(self._judge)

    def stack_refusals(self) -> list[str]:
        """What the rules on objects together say of those that were made so far."""
        found = judge_stack(self._seen, self._environment, self._governance, self._context)
        return object_texts(refusals(found), self._context.date)

    async def _judge(
        self, args: pulumi.ResourceTransformArgs
    ) -> pulumi.ResourceTransformResult | None:
        if not args.type_.startswith(PROVIDER):
            return None
        try:
            items = await _objects(args)
        except NotDecided:
            # Not even what it is can be known before `up`, where it is judged.
            return None
        self._seen += items
        refused = [
            finding
            for item in items
            for finding in evaluate_object(item, self._environment, self._governance, self._context)
            if finding.refuses
        ]
        if not refused:
            return None
        message = "\n".join(object_texts(refused, self._context.date))
        hooks = refusing_hooks(f"rules of {args.type_} {args.name}", message)
        options = pulumi.ResourceOptions.merge(args.opts, pulumi.ResourceOptions(hooks=hooks))
        return pulumi.ResourceTransformResult(args.props, options)


async def _objects(args: pulumi.ResourceTransformArgs) -> list[KubernetesObject]:
    inputs, secret = await _resolved(args.props), await _is_secret(args.props)
    return objects_of(args.type_, args.name, inputs, secret=secret)


def refusing_hooks(name: str, message: str) -> pulumi.ResourceHookBinding:
    """Hooks that let a resource be neither made nor changed, in preview too."""

    def refuse(_args: pulumi.ResourceHookArgs) -> None:
        raise RuntimeError(terminal(message))

    options = pulumi.ResourceHookOptions(on_dry_run=True)
    hook = pulumi.ResourceHook(name, refuse, options)
    return pulumi.ResourceHookBinding(before_create=[hook], before_update=[hook])


async def _is_secret(props: Mapping[str, Any]) -> bool:
    """Whether all of a Secret's data is hidden from state and display."""
    data = [props[key] for key in ("data", "stringData") if props.get(key) is not None]
    return all([isinstance(item, pulumi.Output) and await item.is_secret() for item in data])


async def _resolved(value: Any) -> Any:
    """The value behind outputs; `UNKNOWN` where there is none yet."""
    if isinstance(value, pulumi.Output):
        return await _resolved(await value.future()) if await value.is_known() else UNKNOWN
    if isinstance(value, Mapping):
        return {key: await _resolved(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [await _resolved(item) for item in value]
    return value
