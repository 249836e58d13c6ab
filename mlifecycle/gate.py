"""The gate before a release: governance, then build, then scans; only what passes gets a digest.

It runs in preview and in `up`; what a preview made is taken from this machine's cache by `up`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from mlifecycle.governance.context import Context
from mlifecycle.governance.evaluation import Evaluation
from mlifecycle.governance.findings import Finding, refusals
from mlifecycle.governance.governance import Governance
from mlifecycle.image.names import BuildInputs
from mlifecycle.process import ToolError
from mlifecycle.report.governance import failure_text
from mlifecycle.security import verdict
from mlifecycle.security.evidence import Evidence, Scan, Target
from mlifecycle.security.image_scan import Scanners, evidence_of, scan_named_versions
from mlifecycle.security.rules import Scanned

IMAGE_SCANS: tuple[tuple[str, Target], ...] = (("trivy", "image"), ("grype", "image"))
PIN_SCANS: tuple[tuple[str, Target], ...] = (("grype", "pins"),)


@dataclass(frozen=True)
class GateSettings:
    """What the gate needs of the stack and of this machine."""

    environment: str
    governance: Governance
    scanners: Scanners


class GateRefusal(Exception):
    """The model may not be released; the message is for its author."""


@dataclass(frozen=True)
class Passed:
    """What a gate that is passed leaves: the evidence, and what is said and blocks nothing."""

    evidence: Evidence
    findings: tuple[Finding, ...]


def pass_gate(
    evaluation: Evaluation,
    inputs: BuildInputs | str,
    pins: Sequence[str],
    context: Context,
    settings: GateSettings,
) -> Passed:
    """The evidence of an image that may be released, its digest in it.

    Args:
        evaluation: what governance says of the manifest.
        inputs: what the image is made of, or the reason why there can be none.
        pins: the exact versions that the manifest names, `name==version`.
        context: the day and the waivers.

    Raises:
        GateRefusal: governance or a scanner refuses, or a scanner could not do its work.
    """
    if evaluation.refused:
        raise GateRefusal(failure_text(evaluation.findings))
    if isinstance(inputs, str):
        raise GateRefusal(inputs)
    try:
        named = scan_named_versions(pins, settings.scanners)
        evidence = evidence_of(inputs, settings.scanners)
    except ToolError as error:
        raise GateRefusal(f"❌ Build or security scan failed\n\n{error}") from error
    found = _judged(inputs, evidence, named, context, settings)
    if refusals(found):
        raise GateRefusal(verdict.failure_text(found))
    return Passed(evidence, tuple(found))


def _judged(
    inputs: BuildInputs,
    evidence: Evidence,
    named: tuple[Scan, ...],
    context: Context,
    settings: GateSettings,
) -> list[Finding]:
    required = IMAGE_SCANS + (PIN_SCANS if named else ())
    release = verdict.Release(
        inputs.model, inputs.version, evidence.image_digest, inputs.base_image
    )
    return verdict.judge(
        Scanned((*evidence.scans, *named), required),
        release,
        settings.environment,
        settings.governance,
        context,
    )
