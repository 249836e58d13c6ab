"""The cluster's own refusal of images that were not released, whoever asks for them.

One ValidatingAdmissionPolicy for each namespace of the stack, which lists what was released there
and what may be returned to.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes.admissionregistration.v1 as admission
from pulumi_kubernetes.meta import v1 as meta

from components.hooks import patient_hook
from mlifecycle.release.admission import (
    LEARNING_SECONDS,
    admitted_names,
    admitted_variables,
    is_denial,
    policy_name,
)

# What is, or makes, a pod. Ephemeral containers come to a pod that runs.
_RULES = (
    ("", ("pods", "pods/ephemeralcontainers", "replicationcontrollers", "podtemplates")),
    ("apps", ("deployments", "statefulsets", "daemonsets", "replicasets")),
    ("batch", ("jobs", "cronjobs")),
)
# What changes nothing about images is admitted, such as the end of a finalizer.
_FOREIGN = (
    "variables.images.filter(image, !(image in variables.before"
    " || variables.released.exists(names, image in names)))"
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


# The images that an object names now, and those that it named before.
_POD_VARIABLES = {
    "pod": _pod_of("object"),
    "images": _images_of("variables.pod"),
    "old": _pod_of("oldObject"),
    "before": f"oldObject == null ? [] : {_images_of('variables.old')}",
}


@dataclass(frozen=True)
class Admission:
    """How a stack's namespaces admit.

    Attributes:
        action: `Deny`, or `Audit`, which only notes, as Kubernetes calls them.
        alias: as `admitted_names`.
    """

    stack: str
    action: str
    alias: Callable[[str], str]


class ReleasedImages:
    """What a namespace admits: known when every model of it is registered, and before any is made.

    Attributes:
        listed: the policy; what runs its images depends on it.
        bound: what puts it into force.
    """

    def __init__(self, namespace: str, how: Admission, options: pulumi.ResourceOptions) -> None:
        self._alias = how.alias
        self._images: dict[str, pulumi.Output[list[str]]] = {}
        self._complete: asyncio.Future[None] = asyncio.get_event_loop().create_future()
        name = policy_name(how.stack, namespace)
        variables: pulumi.Output[Any] = pulumi.Output.from_input(self._variables())
        self.listed = _policy(name, namespace, how.stack, variables, options)
        after = pulumi.ResourceOptions(depends_on=[self.listed])
        self.bound = _binding(name, how.action, pulumi.ResourceOptions.merge(options, after))

    def add(self, model: str, images: pulumi.Output[list[str]]) -> None:
        """The images that a model may run, `name:tag@sha256:...`."""
        self._images[model] = images

    def close(self) -> None:
        """Every model has been added."""
        self._complete.set_result(None)

    async def _variables(self) -> Any:
        await self._complete
        names = {
            model: admitted_names(await images.future() or (), self._alias)
            for model, images in self._images.items()
        }
        listed = {**_POD_VARIABLES, **admitted_variables(names)}
        return [{"name": name, "expression": value} for name, value in listed.items()]


def patience(model: str, stack: str, namespace: str) -> pulumi.ErrorHook:
    """Tries once more where an API server has not heard yet that an image is released."""
    return patient_hook(
        f"admission of {model}",
        lambda message: is_denial(message, stack, namespace),
        LEARNING_SECONDS,
    )


def _policy(
    name: str,
    namespace: str,
    stack: str,
    variables: pulumi.Output[Any],
    options: pulumi.ResourceOptions,
) -> pulumi.Resource:
    return admission.ValidatingAdmissionPolicy(
        name,
        metadata=meta.ObjectMetaArgs(name=name, labels=_labels(name)),
        spec=admission.ValidatingAdmissionPolicySpecArgs(
            failure_policy="Fail",
            match_constraints=admission.MatchResourcesArgs(
                # The API server sets this label itself: nobody takes a namespace out of it.
                namespace_selector=meta.LabelSelectorArgs(
                    match_labels={"kubernetes.io/metadata.name": namespace}
                ),
                resource_rules=[
                    admission.NamedRuleWithOperationsArgs(
                        api_groups=[group],
                        api_versions=["*"],
                        operations=["CREATE", "UPDATE"],
                        resources=list(resources),
                    )
                    for group, resources in _RULES
                ],
            ),
            # A preview asks for a dry run before the list knows what it is about.
            match_conditions=[
                admission.MatchConditionArgs(
                    name="no-dry-run", expression="!has(request.dryRun) || !request.dryRun"
                )
            ],
            variables=variables,
            validations=[
                admission.ValidationArgs(
                    expression=f"{_FOREIGN}.size() == 0",
                    message_expression=f"'stack {stack} has not released ' + {_FOREIGN}[0]",
                    reason="Forbidden",
                )
            ],
        ),
        opts=options,
    )


def _binding(name: str, action: str, options: pulumi.ResourceOptions) -> pulumi.Resource:
    """Deny, or in `Audit` only note, what is not listed."""
    return admission.ValidatingAdmissionPolicyBinding(
        name,
        metadata=meta.ObjectMetaArgs(name=name, labels=_labels(name)),
        spec=admission.ValidatingAdmissionPolicyBindingSpecArgs(
            policy_name=name,
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
