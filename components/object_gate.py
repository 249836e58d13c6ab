"""Every Kubernetes object that the program makes is judged before the engine gets it.

The policy pack judges the same objects by the same rules, but an engine on a self-managed backend
runs it only where it is asked to; this runs always.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
from pulumi.runtime import register_resource_transform

from mlifecycle.governance.context import Context
from mlifecycle.governance.governance import Governance
from mlifecycle.governance.objects.evaluation import evaluate_object, object_texts
from mlifecycle.governance.objects.kubernetes import KubernetesObject, unfolded
from mlifecycle.governance.objects.values import UNKNOWN
from mlifecycle.report.escape import terminal

PROVIDER = "kubernetes:"


def judge_objects(environment: str, governance: Governance, context: Context) -> None:
    """Refuse each object that breaks a mandatory rule, from here to the program's end.

    A refused object gets a hook that fails: so one preview shows every one of them, `up` makes
    none, and one that stands unchanged does not stop other changes.
    """

    async def judge(
        args: pulumi.ResourceTransformArgs,
    ) -> pulumi.ResourceTransformResult | None:
        if not args.type_.startswith(PROVIDER) or "kind" not in args.props:
            return None
        secret = await _is_secret(args.props)
        made = KubernetesObject(args.name, await _resolved(args.props), secret=secret)
        refused = [
            finding
            for item in unfolded(made)
            for finding in evaluate_object(item, environment, governance, context)
            if finding.refuses
        ]
        if not refused:
            return None
        hooks = refusing_hooks(
            f"rules of {args.type_} {args.name}", "\n".join(object_texts(refused))
        )
        options = pulumi.ResourceOptions.merge(args.opts, pulumi.ResourceOptions(hooks=hooks))
        return pulumi.ResourceTransformResult(args.props, options)

    register_resource_transform(judge)


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
