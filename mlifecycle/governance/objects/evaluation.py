"""The rules about Kubernetes objects, asked: the policy pack and the program both call this."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date

from mlifecycle.governance.context import Context
from mlifecycle.governance.evaluation import check_all, waived
from mlifecycle.governance.findings import Finding, Level
from mlifecycle.governance.governance import Governance
from mlifecycle.governance.objects.catalogue import OBJECT_RULES, STACK_RULES
from mlifecycle.governance.objects.kubernetes import KubernetesObject
from mlifecycle.governance.rule import NotDecided
from mlifecycle.report.governance import notice_text

NAME = "app.kubernetes.io/name"
VERSION = "app.kubernetes.io/version"


def evaluate_object(
    item: KubernetesObject,
    environment: str,
    governance: Governance,
    context: Context,
) -> list[Finding]:
    """Every finding about one object, in the rules' order."""
    # A Helm release is no object of the cluster's: nothing else can be asked about it.
    seen = item.group == "helm.sh"
    rules = [rule for rule in OBJECT_RULES if not seen or rule.id == "object-seen"]
    checks = check_all(rules, item, environment, governance, context)
    found = [finding for check in checks for finding in check.findings]
    return [_settled(replace(finding, subject=str(item)), item, context) for finding in found]


def evaluate_stack(
    items: Sequence[KubernetesObject],
    environment: str,
    governance: Governance,
    context: Context,
) -> list[Finding]:
    """Every finding about the objects of a stack together, in the rules' order."""
    by_name = {str(item): item for item in items}
    checks = check_all(STACK_RULES, items, environment, governance, context)
    found = [finding for check in checks for finding in check.findings]
    return [_settled(finding, by_name.get(finding.subject), context) for finding in found]


def object_texts(findings: Iterable[Finding], today: date) -> list[str]:
    """One line for each finding: which object, what is wrong, what to do, and the rule's id."""
    return [f"{finding.subject or 'stack'}: {notice_text(finding, today)}" for finding in findings]


def _settled(finding: Finding, item: KubernetesObject | None, context: Context) -> Finding:
    """With its waiver: one that names the model and version of the object's labels."""
    if item is None or finding.level is not Level.MANDATORY:
        return finding
    try:
        labels = item.labels
        return waived(finding, str(labels.get(NAME, "")), str(labels.get(VERSION, "")), context)
    except NotDecided:
        # Whose it is will be known in `up`; until then nobody's waiver speaks of it.
        return finding
