"""The cluster's own refusal of images that were not released, whoever asks for them.

One ValidatingAdmissionPolicy for the stack, bound to its namespaces by label; its parameter is
one ConfigMap in each of them, which lists what was released and what may be returned to.
"""

import asyncio
from collections.abc import Callable, Iterable

import pulumi
import pulumi_kubernetes.admissionregistration.v1 as admission
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta import v1 as meta

from components.hooks import patient_hook
from mlifecycle.release.admission import (
    LEARNING_SECONDS,
    RELEASED_IMAGES,
    admitted_names,
    is_denial,
    policy_name,
)

STACK_LABEL = "mlifecycle.io/stack"
# What is, or makes, a pod. Ephemeral containers come to a pod that runs.
_RULES = (
    ("", ("pods", "pods/ephemeralcontainers", "replicationcontrollers", "podtemplates")),
    ("apps", ("deployments", "statefulsets", "daemonsets", "replicasets")),
    ("batch", ("jobs", "cronjobs")),
)
# What changes nothing about images is admitted, such as the end of a finalizer.
_FOREIGN = (
    "variables.images.filter(image, !(image in variables.released || image in variables.before))"
)


def _pod_of(thing: str) -> str:
    """Where the specification of the pods stands in an object, as a CEL expression."""
    return f"""\
{thing}.kind == 'Pod' ? {thing}.spec
: {thing}.kind == 'PodTemplate' ? {thing}.template.spec
: {thing}.kind == 'CronJob' ? {thing}.spec.jobTemplate.spec.template.spec
: {thing}.spec.template.spec"""


def _images_of(pod: str) -> str:
    """Every image that a pod names, as a CEL expression; a volume may be one too."""
    containers = [
        f"(has({pod}.{field}) ? {pod}.{field}.map(c, has(c.image) ? c.image : '') : [])"
        for field in ("containers", "initContainers", "ephemeralContainers")
    ]
    volumes = (
        f"(has({pod}.volumes) ? {pod}.volumes.filter(v, has(v.image))"
        ".map(v, has(v.image.reference) ? v.image.reference : '') : [])"
    )
    return "\n+ ".join([*containers, volumes])


class ReleasedImages:
    """What a namespace admits: known when every model of it is registered, and before any is made.

    Args:
        alias: as `admitted_names`.

    Attributes:
        resource: the list in the cluster; what runs its images depends on it.
    """

    def __init__(
        self, namespace: str, alias: Callable[[str], str], options: pulumi.ResourceOptions
    ) -> None:
        self._alias = alias
        self._images: list[pulumi.Output[list[str]]] = []
        self._complete: asyncio.Future[None] = asyncio.get_event_loop().create_future()
        listed: pulumi.Output[str] = pulumi.Output.from_input(self._listed())
        self.resource = core.ConfigMap(
            f"{namespace}-{RELEASED_IMAGES}",
            metadata=meta.ObjectMetaArgs(
                name=RELEASED_IMAGES, namespace=namespace, labels=_labels(RELEASED_IMAGES)
            ),
            data={"images": listed},
            opts=options,
        )

    def add(self, images: pulumi.Output[list[str]]) -> None:
        """The images that one model may run, `name:tag@sha256:...`."""
        self._images.append(images)

    def close(self) -> None:
        """Every model has been added."""
        self._complete.set_result(None)

    async def _listed(self) -> str:
        await self._complete
        listed: set[str] = set()
        for images in self._images:
            listed |= set(admitted_names(await images.future() or (), self._alias))
        return "\n".join(sorted(listed))


def patience(model: str, stack: str) -> pulumi.ErrorHook:
    """Tries once more where an API server has not heard yet that an image is released."""
    return patient_hook(
        f"admission of {model}", lambda message: is_denial(message, stack), LEARNING_SECONDS
    )


def policy(
    stack: str, action: str, released: Iterable[ReleasedImages], options: pulumi.ResourceOptions
) -> pulumi.Resource:
    """Refuse, or in `Audit` only note, what is not on the list of its namespace.

    Args:
        action: `Deny` or `Audit`, as Kubernetes calls them.

    Returns:
        what is registered last.
    """
    name = policy_name(stack)
    _policy(name, stack, options)
    # Last, so that a namespace is never bound before its list is there.
    lists = [item.resource for item in released]
    after = pulumi.ResourceOptions.merge(options, pulumi.ResourceOptions(depends_on=lists))
    return _binding(name, stack, action, after)


def _policy(name: str, stack: str, options: pulumi.ResourceOptions) -> None:
    admission.ValidatingAdmissionPolicy(
        name,
        metadata=meta.ObjectMetaArgs(name=name, labels=_labels(name)),
        spec=admission.ValidatingAdmissionPolicySpecArgs(
            failure_policy="Fail",
            param_kind=admission.ParamKindArgs(api_version="v1", kind="ConfigMap"),
            match_constraints=admission.MatchResourcesArgs(
                resource_rules=[
                    admission.NamedRuleWithOperationsArgs(
                        api_groups=[group],
                        api_versions=["*"],
                        operations=["CREATE", "UPDATE"],
                        resources=list(resources),
                    )
                    for group, resources in _RULES
                ]
            ),
            # A preview asks for a dry run before the list knows what it is about.
            match_conditions=[
                admission.MatchConditionArgs(
                    name="no-dry-run", expression="!has(request.dryRun) || !request.dryRun"
                )
            ],
            variables=[
                admission.VariableArgs(name="pod", expression=_pod_of("object")),
                admission.VariableArgs(name="images", expression=_images_of("variables.pod")),
                admission.VariableArgs(name="old", expression=_pod_of("oldObject")),
                admission.VariableArgs(
                    name="before",
                    expression=f"oldObject == null ? [] : {_images_of('variables.old')}",
                ),
                admission.VariableArgs(
                    name="released", expression="params.data['images'].split('\\n')"
                ),
            ],
            validations=[
                admission.ValidationArgs(
                    expression=f"{_FOREIGN}.size() == 0",
                    message_expression=(
                        f"'stack {stack} has not released ' + {_FOREIGN}[0]"
                        f" + ': it is not listed in ConfigMap {RELEASED_IMAGES}'"
                    ),
                    reason="Forbidden",
                )
            ],
        ),
        opts=options,
    )


def _binding(
    name: str, stack: str, action: str, options: pulumi.ResourceOptions
) -> pulumi.Resource:
    return admission.ValidatingAdmissionPolicyBinding(
        name,
        metadata=meta.ObjectMetaArgs(name=name, labels=_labels(name)),
        spec=admission.ValidatingAdmissionPolicyBindingSpecArgs(
            policy_name=name,
            param_ref=admission.ParamRefArgs(
                name=RELEASED_IMAGES, parameter_not_found_action="Deny"
            ),
            match_resources=admission.MatchResourcesArgs(
                namespace_selector=meta.LabelSelectorArgs(match_labels={STACK_LABEL: stack})
            ),
            validation_actions=[action] if action == "Deny" else [action, "Warn"],
        ),
        opts=options,
    )


def _labels(name: str) -> dict[str, str]:
    return {
        "app.kubernetes.io/name": name,
        "app.kubernetes.io/instance": name,
        "app.kubernetes.io/version": "1",
        "app.kubernetes.io/component": "admission",
        "app.kubernetes.io/part-of": "mlifecycle",
        "app.kubernetes.io/managed-by": "pulumi",
    }
