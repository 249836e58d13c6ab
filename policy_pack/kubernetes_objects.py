"""Rules on every Kubernetes object of the stack, whoever made it."""

import threading
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from pulumi_policy import (
    EnforcementLevel,
    PolicyResource,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)

from mlifecycle.governance.context import read_context
from mlifecycle.governance.findings import Finding, Level
from mlifecycle.governance.governance import load_governance
from mlifecycle.governance.objects.evaluation import (
    evaluate_object,
    object_texts,
)
from mlifecycle.governance.objects.kubernetes import KubernetesObject
from mlifecycle.governance.objects.standing import judge_stack, standing_of_object
from mlifecycle.governance.objects.unfolding import PROVIDER, objects_of
from mlifecycle.governance.rule import NotDecided
from mlifecycle.report.escape import terminal
from mlifecycle.stack.stack_file import StackTerms
from policy_pack.values import context_of_stack, plain, terms_of_stack

JudgeOne = Callable[[ResourceValidationArgs], list[Finding]]
Select = Callable[[Finding], bool]


def kubernetes_object_policies() -> list[ResourceValidationPolicy | StackValidationPolicy]:
    """Two on each object, two on all together: the engine decodes a resource once per policy.

    Raises:
        OwnersFileError, ContextError: a pack that could judge nothing must not start.
    """
    judge = _Judge()
    refused = EnforcementLevel.MANDATORY
    advised = EnforcementLevel.ADVISORY
    return [
        _on_each("kubernetes-objects", refused, judge.one, _refuses, judge.today),
        _on_each("kubernetes-objects-advice", advised, judge.same_again, _advises, judge.today),
        _on_all("kubernetes-stack", refused, judge, _refuses),
        _on_all("kubernetes-stack-advice", advised, judge, _advises),
    ]


class _Judge:
    """Judges an object once for the two policies that the engine asks about it in turn."""

    def __init__(self) -> None:
        self._governance = load_governance()
        # Before any resource: what cannot be read must not wait for one.
        self.today = read_context().date
        self._last = threading.local()
        # What the program gave. Later the engine shows what the cluster made of it, with defaults
        # that nobody chose, such as `replicas: 1` where an autoscaler decides.
        self._given: dict[str, list[KubernetesObject]] = {}
        self._undecided = 0

    def one(self, args: ResourceValidationArgs) -> list[Finding]:
        terms = self._terms(args.urn)
        found: list[Finding] = []
        try:
            items = _objects(args)
        except NotDecided as undecided:
            items = []
            found = [_unseen(args.name, undecided)]
        self._given[args.urn] = items
        context = context_of_stack(args.urn)
        for item in items:
            judged = evaluate_object(item, terms.environment, self._governance, context)
            found += standing_of_object(judged, item, terms.environment, context)
        self._undecided += sum(finding.undecided for finding in found)
        self._last.judged = (args.urn, found)
        return found

    def same_again(self, args: ResourceValidationArgs) -> list[Finding]:
        """What `one` found in the same call of the engine, which keeps to one thread."""
        urn, found = getattr(self._last, "judged", ("", []))
        self._last.judged = ("", [])
        return found if urn == args.urn else self.one(args)

    def together(self, resources: Sequence[PolicyResource]) -> list[Finding]:
        ours = [item for item in resources if item.resource_type.startswith(PROVIDER)]
        if not ours:
            return []
        terms = self._terms(ours[0].urn)
        known = [
            item
            for resource in ours
            for item in self._given.get(resource.urn) or _objects(resource)
        ]
        context = context_of_stack(ours[0].urn)
        found = judge_stack(known, terms.environment, self._governance, context)
        return [*found, *self._count(found)]

    def _count(self, found: Sequence[Finding]) -> list[Finding]:
        """How many checks of this preview are still to be made, so that nobody takes it for all."""
        number = self._undecided + sum(finding.undecided for finding in found)
        if not number:
            return []
        return [
            Finding(
                rule="not-decided",
                level=Level.ADVISORY,
                message=f"{number} checks need values that this preview does not know",
                remediation="`pulumi up` makes them when it knows, before each object is made",
                undecided=True,
            )
        ]

    def _terms(self, urn: str) -> StackTerms:
        terms = terms_of_stack(urn)
        self._governance.require_environment(terms.environment)
        return terms


def _on_each(
    name: str, level: EnforcementLevel, judge: JudgeOne, select: Select, today: date
) -> ResourceValidationPolicy:
    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        if args.resource_type.startswith(PROVIDER):
            for text in object_texts(filter(select, judge(args)), today):
                report(terminal(text), args.urn)

    description = f"Each Kubernetes object keeps the {level.value} rules."
    return ResourceValidationPolicy(name, description, validate, level)


def _on_all(
    name: str, level: EnforcementLevel, judge: _Judge, select: Select
) -> StackValidationPolicy:
    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        for text in object_texts(filter(select, judge.together(args.resources)), judge.today):
            report(terminal(text), None)

    description = f"The stack's Kubernetes objects fit together, by the {level.value} rules."
    return StackValidationPolicy(name, description, validate, level)


def _refuses(finding: Finding) -> bool:
    return finding.refuses


def _advises(finding: Finding) -> bool:
    return not finding.refuses


def _objects(resource: ResourceValidationArgs | PolicyResource) -> list[KubernetesObject]:
    body: dict[str, Any] = plain(resource.props)
    # The provider's own classes mark a Secret's data so; state and preview show it the same way.
    hidden = set(resource.opts.additional_secret_outputs or ()) if resource.opts else set()
    secret = {"data", "stringData"} <= hidden
    return objects_of(resource.resource_type, resource.name, body, secret=secret)


def _unseen(name: str, undecided: NotDecided) -> Finding:
    return Finding(
        rule="object-seen",
        level=Level.ADVISORY,
        message=f"{name}: {undecided}",
        remediation="`pulumi up` judges it when it knows",
        undecided=True,
    )
