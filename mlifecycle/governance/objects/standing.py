"""Findings on objects of a verified release that this run leaves as it is.

They are said, and refuse the next change of the release: a rule that a governance owner adds today
must not stop the releases of everyone else.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from mlifecycle.governance.context import Context
from mlifecycle.governance.evaluation import standing_finding
from mlifecycle.governance.findings import Finding, refusals
from mlifecycle.governance.governance import Governance
from mlifecycle.governance.objects.evaluation import NAME, evaluate_stack
from mlifecycle.governance.objects.kubernetes import KubernetesObject
from mlifecycle.governance.rule import NotDecided

Objects = Sequence[KubernetesObject]
_DATA = ("data", "stringData", "binaryData")


def standing_of_object(
    found: Sequence[Finding], item: KubernetesObject, environment: str, context: Context
) -> list[Finding]:
    """Findings on one object, `standing` where a verified release has just this object."""
    if not refusals(found) or not _is_released(item, environment, context):
        return list(found)
    return [standing_finding(finding) if finding.refuses else finding for finding in found]


def judge_stack(
    items: Objects, environment: str, governance: Governance, context: Context
) -> list[Finding]:
    """Every finding on objects together, `standing` where a verified release is as it was.

    All three: the object is a released one, so is everything that its release and its namespace
    have in common with it, and the same was to be found before.
    """
    found = evaluate_stack(items, environment, governance, context)
    if not refusals(found) or not context.objects:
        return found
    made = [KubernetesObject("", item.body) for item in context.objects]
    before = {_identity(item) for item in evaluate_stack(made, environment, governance, context)}

    def stands(finding: Finding) -> bool:
        return _identity(finding) in before and any(
            _is_released(item, environment, context) and _is_as_before(item, items, made)
            for item in items
            if str(item) == finding.subject
        )

    return [
        standing_finding(finding) if finding.refuses and stands(finding) else finding
        for finding in found
    ]


def _is_released(item: KubernetesObject, environment: str, context: Context) -> bool:
    """Whether a release to this environment has an object of the same content.

    A Secret's data is encrypted in the state, and of an object without a name each is another.
    """
    try:
        return (
            item.kind != "Secret"
            and "name" in item.metadata
            and any(
                made.released_to == environment and made.body == item.body
                for made in context.objects
            )
        )
    except NotDecided:
        return False


def _is_as_before(subject: KubernetesObject, items: Objects, made: Objects) -> bool:
    """Whether all that can have to do with an object is what it was: none new, changed or gone."""
    try:
        now = [_comparable(item) for item in items if _concerns(item, subject)]
        before = [_comparable(item) for item in made if _concerns(item, subject)]
        return len(now) == len(before) and all(body in before for body in now)
    except NotDecided:
        return False


def _concerns(item: KubernetesObject, subject: KubernetesObject) -> bool:
    """All but what another model, or another namespace, has for itself."""
    place, model = item.metadata.get("namespace"), item.labels.get(NAME)
    return place in (None, subject.namespace) and model in (None, subject.labels.get(NAME))


def _comparable(item: KubernetesObject) -> Mapping[str, Any]:
    """What rules on objects together read: of data, who releases changes some in every run."""
    if not item.is_a("ConfigMap") and not item.is_a("Secret"):
        return item.body
    return {key: value for key, value in item.body.items() if key not in _DATA}


def _identity(finding: Finding) -> tuple[str, str, str]:
    return finding.rule, finding.subject, finding.message
