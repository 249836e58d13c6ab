"""Findings on objects that the stack has made already, and that this run leaves as they are.

They are said, and refuse the next change of the object: a rule that a governance owner adds today
must not stop the releases of everyone whose objects run since yesterday.
"""

from collections.abc import Sequence

from mlifecycle.governance.context import Context
from mlifecycle.governance.evaluation import standing_finding
from mlifecycle.governance.findings import Finding, refusals
from mlifecycle.governance.governance import Governance
from mlifecycle.governance.objects.evaluation import evaluate_stack
from mlifecycle.governance.objects.kubernetes import KubernetesObject
from mlifecycle.governance.rule import NotDecided


def standing_of_object(
    found: Sequence[Finding], item: KubernetesObject, context: Context
) -> list[Finding]:
    """Findings on one object, `standing` where the stack's state has just this object."""
    if not refusals(found) or not _is_made(item, context):
        return list(found)
    return [standing_finding(finding) if finding.refuses else finding for finding in found]


def standing_of_stack(
    found: Sequence[Finding],
    items: Sequence[KubernetesObject],
    environment: str,
    governance: Governance,
    context: Context,
) -> list[Finding]:
    """Findings on objects together, `standing` where the object is as it was and so is the finding.

    Both: an object that stands while what it needs is taken away from it is refused.
    """
    if not refusals(found) or not context.objects:
        return list(found)
    made = {str(item) for item in items if _is_made(item, context)}
    before = [KubernetesObject("", body) for body in context.objects]
    said = {
        _identity(finding)
        for finding in evaluate_stack(before, environment, governance, context)
        if finding.subject in made
    }
    return [
        standing_finding(finding) if finding.refuses and _identity(finding) in said else finding
        for finding in found
    ]


def _is_made(item: KubernetesObject, context: Context) -> bool:
    """Whether the state has an object of the same content.

    A Secret's never has: its data is encrypted there, and each of its changes is judged.
    """
    try:
        return dict(item.body) in context.objects
    except NotDecided:
        return False


def _identity(finding: Finding) -> tuple[str, str, str]:
    return finding.rule, finding.subject, finding.message
