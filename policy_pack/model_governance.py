"""Manifest rules on every ModelDeployment of the stack, whoever made it."""

import contextlib
from typing import Any

from pulumi_policy import (
    EnforcementLevel,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
)

from mlifecycle.governance.context import read_context
from mlifecycle.governance.evaluation import Evaluation, evaluate
from mlifecycle.governance.findings import Finding, Level, refusals
from mlifecycle.governance.governance import load_governance
from mlifecycle.governance.owners_file import OwnersFileError
from mlifecycle.governance.rule import NotDecided
from mlifecycle.manifest.plain import from_plain, lines_from_text
from mlifecycle.report.escape import terminal
from mlifecycle.report.governance import notice_text, refusal_text
from mlifecycle.stack.settings import MODEL_DEPLOYMENT, SettingsError
from policy_pack.values import context_of_stack, plain, terms_of_stack

# What inputs that no ModelDeployment gave, or a stack that nobody decided for, lead to.
UNJUDGED = (
    *(NotDecided, OwnersFileError, SettingsError),
    *(AttributeError, KeyError, TypeError, ValueError),
)


def model_governance_policies() -> list[ResourceValidationPolicy]:
    """One policy for each level: the engine prints a policy's level with its findings.

    Raises:
        OwnersFileError, ContextError: a pack that could judge nothing must not start.
    """
    governance = load_governance()
    # Before any resource: what cannot be read must not wait for one.
    read_context()

    def evaluation(args: ResourceValidationArgs) -> Evaluation:
        props: Any = plain(args.props)
        environment = terms_of_stack(args.urn).environment
        governance.require_environment(environment)
        if props["environment"] != environment:
            raise ValueError(f"it names another environment than the stack's, {environment}")
        lines = lines_from_text(props["source"]["lines"])
        manifest = from_plain(props["manifest"])
        return evaluate(manifest, environment, governance, context_of_stack(args.urn), lines)

    def refuse(args: ResourceValidationArgs, report: ReportViolation) -> None:
        if args.resource_type != MODEL_DEPLOYMENT:
            return
        file = "no manifest"
        try:
            found = evaluation(args).findings
            file = str(plain(args.props)["source"]["file"])
        except UNJUDGED as error:
            # Whoever made it: what can't be judged is not released.
            found = [_not_judged(error)]
        if refusals(found):
            report(refusal_text(args.name, file, found), args.urn)

    def advise(args: ResourceValidationArgs, report: ReportViolation) -> None:
        if args.resource_type != MODEL_DEPLOYMENT:
            return
        # What can't be judged is said by the policy that refuses.
        with contextlib.suppress(*UNJUDGED):
            for finding in evaluation(args).findings:
                if not finding.refuses:
                    text = notice_text(finding, context_of_stack(args.urn).date)
                    report(terminal(f"{args.name}: {text}"), args.urn)

    return [
        ResourceValidationPolicy(
            name="model-governance",
            description="The model's manifest meets every mandatory governance rule.",
            enforcement_level=EnforcementLevel.MANDATORY,
            validate=refuse,
        ),
        ResourceValidationPolicy(
            name="model-governance-advice",
            description="The model's manifest meets every advisory governance rule.",
            enforcement_level=EnforcementLevel.ADVISORY,
            validate=advise,
        ),
    ]


def _not_judged(error: Exception) -> Finding:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return Finding(
        rule="schema",
        level=Level.MANDATORY,
        message=f"the resource's inputs are no manifest that can be judged: {reason}",
        remediation="Make models with the component ModelDeployment",
    )
