"""The gate before a release: governance, then build, then scans; only what passes gets a digest.

It runs in preview and in `up`; what a preview made is taken from this machine's cache by `up`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from mlifecycle.dependencies.lock import Lock
from mlifecycle.formats import PICKLE
from mlifecycle.governance.context import Context
from mlifecycle.governance.evaluation import Evaluation, standing_finding
from mlifecycle.governance.findings import Finding, refusals
from mlifecycle.governance.governance import Governance
from mlifecycle.image.names import BuildInputs
from mlifecycle.process import ToolError
from mlifecycle.report.governance import failure_text
from mlifecycle.report.remedies import with_remedy
from mlifecycle.security import verdict
from mlifecycle.security.evidence import Evidence, Scan, Target
from mlifecycle.security.image_scan import Scanners, evidence_of, scan_versions
from mlifecycle.security.model_files.pickles import SCANNERS
from mlifecycle.security.rules import Scanned

IMAGE_SCANS: tuple[tuple[str, Target], ...] = (("trivy", "image"), ("grype", "image"))
NAMED_SCANNER = "grype"


@dataclass(frozen=True)
class GateSettings:
    """What the gate needs of the stack and of this machine.

    Attributes:
        policy_digest: 64 hex digits over the files of the policy, for the record.
    """

    environment: str
    governance: Governance
    scanners: Scanners
    policy_digest: str


@dataclass(frozen=True)
class Dependencies:
    """What a manifest's dependencies are.

    Attributes:
        pins: the exact versions that it names itself, `name==version`.
        lock: the exact versions that all of it is locked to.
    """

    pins: tuple[str, ...]
    lock: Lock


@dataclass(frozen=True)
class Candidate:
    """A model that is to be released.

    Attributes:
        evaluation: what governance says of the manifest.
        inputs: what the image is made of, or the reason why there can be none.
        model_scans: what scanners found in the model file, where its format needs any.
        is_unchanged: whether the stack runs just this: then a new finding stops its next change.
    """

    evaluation: Evaluation
    inputs: BuildInputs | str
    dependencies: Dependencies
    model_scans: tuple[Scan, ...] = ()
    is_unchanged: bool = False


class GateRefusal(Exception):
    """The model may not be released; the message is for its author."""


@dataclass(frozen=True)
class Passed:
    """What a gate that is passed leaves: the evidence, and what is said and blocks nothing.

    Attributes:
        stands: whether it would be refused, did the stack not run just this.
    """

    evidence: Evidence
    findings: tuple[Finding, ...]
    stands: bool = False


def pass_gate(candidate: Candidate, context: Context, settings: GateSettings) -> Passed:
    """The evidence of an image that may be released, its digest in it.

    Args:
        context: the day and the waivers.

    Raises:
        GateRefusal: governance or a scanner refuses, or a scanner could not do its work.
    """
    evaluation, inputs = candidate.evaluation, candidate.inputs
    dependencies = candidate.dependencies
    if evaluation.refused:
        raise GateRefusal(failure_text(evaluation.findings))
    if isinstance(inputs, str):
        raise GateRefusal(f"❌ Model refused\n\n{inputs}")
    try:
        scanned = [
            *scan_versions(dependencies.pins, "pins", settings.scanners),
            *scan_versions(dependencies.lock.pins, "lock", settings.scanners),
        ]
        evidence = evidence_of(inputs, settings.scanners, of_any_age=candidate.is_unchanged)
    # A full disk, say, is as good a reason as a scanner that fails.
    except (ToolError, OSError) as error:
        raise GateRefusal(f"❌ Build or security scan failed\n\n{with_remedy(error)}") from error
    scans = (*evidence.scans, *scanned, *candidate.model_scans)
    whole = evidence.model_copy(update={"scans": scans})
    found = _judged(inputs, whole, dependencies, context, settings)
    stands = candidate.is_unchanged and bool(refusals(found))
    if stands:
        found = [standing_finding(item) if item.refuses else item for item in found]
    if refusals(found):
        raise GateRefusal(verdict.failure_text(found, scans))
    return Passed(whole, tuple(found), stands)


def _judged(
    inputs: BuildInputs,
    evidence: Evidence,
    dependencies: Dependencies,
    context: Context,
    settings: GateSettings,
) -> list[Finding]:
    named: tuple[tuple[Sequence[str], Target], ...] = (
        (dependencies.pins, "pins"),
        (dependencies.lock.pins, "lock"),
    )
    required = IMAGE_SCANS + tuple(
        (NAMED_SCANNER, target) for versions, target in named if versions
    )
    if inputs.format_name == PICKLE:
        required += tuple((scanner, "model") for scanner in SCANNERS)
    release = verdict.Release(
        inputs.model, inputs.version, evidence.image_digest, inputs.base_image
    )
    return verdict.judge(
        Scanned(evidence.scans, required, dependencies.lock, inputs.format_name),
        release,
        settings.environment,
        settings.governance,
        context,
    )
