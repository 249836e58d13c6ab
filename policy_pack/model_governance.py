"""Manifest rules on every ModelDeployment of the stack, whoever made it."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pulumi_policy import (
    EnforcementLevel,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
)

from mlifecycle.governance.evaluation import check_levels, evaluate
from mlifecycle.governance.findings import Finding, Level, failure_text, refusals
from mlifecycle.governance.levels import load_levels
from mlifecycle.manifest.plain import from_plain

MODEL_DEPLOYMENT = "mlifecycle:index:ModelDeployment"


def model_governance_policies() -> list[ResourceValidationPolicy]:
    """One policy for each level: the engine prints a policy's level with its findings."""
    check_levels(load_levels())
    return [
        ResourceValidationPolicy(
            name="model-governance",
            description="The model's manifest meets every mandatory governance rule.",
            enforcement_level=EnforcementLevel.MANDATORY,
            validate=_refuse,
        ),
        ResourceValidationPolicy(
            name="model-governance-advice",
            description="The model's manifest meets every advisory governance rule.",
            enforcement_level=EnforcementLevel.ADVISORY,
            validate=_advise,
        ),
    ]


def _refuse(args: ResourceValidationArgs, report: ReportViolation) -> None:
    findings = _findings(args)
    if refusals(findings):
        report(f"{args.name}\n{failure_text(findings)}", args.urn)


def _advise(args: ResourceValidationArgs, report: ReportViolation) -> None:
    for finding in _findings(args):
        if finding.level is Level.ADVISORY:
            report(f"{args.name}: {finding.message}. {finding.remediation}", args.urn)


def _findings(args: ResourceValidationArgs) -> list[Finding]:
    if args.resource_type != MODEL_DEPLOYMENT:
        return []
    manifest = from_plain(json.loads(json.dumps(args.props["manifest"], default=_unwrap)))
    return evaluate(manifest, load_levels())


def _unwrap(value: Any) -> Any:
    """The engine's read-only views of objects and lists, as plain ones."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence):
        return list(value)
    raise TypeError(f"{type(value).__name__} in a manifest")
