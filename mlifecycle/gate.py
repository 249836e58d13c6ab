"""The gate before a release: governance, then build, then scan; only what passes gets a digest.

It runs in preview and in `up`; what a preview made is taken from this machine's cache by `up`.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from mlifecycle.exclusive import exclusively
from mlifecycle.governance.context import Context
from mlifecycle.governance.evaluation import Evaluation
from mlifecycle.image import build, context
from mlifecycle.image.names import BuildInputs
from mlifecycle.process import ToolError
from mlifecycle.report.governance import failure_text
from mlifecycle.security import trivy, verdict
from mlifecycle.security.evidence import Evidence, read_evidence, write_evidence


@dataclass(frozen=True)
class GateSettings:
    """What the gate needs of the stack and of this machine."""

    builder: str
    vulnerability_database: str
    scan_seconds: int
    server_source: Path
    cache: Path


class GateRefusal(Exception):
    """The model may not be released; the message is for its author."""


@dataclass(frozen=True)
class Passed:
    """What a gate that is passed leaves: the evidence, and what passed by a waiver only."""

    evidence: Evidence
    waived: tuple[str, ...]


def pass_gate(
    evaluation: Evaluation,
    inputs: BuildInputs | str,
    context: Context,
    settings: GateSettings,
) -> Passed:
    """The evidence of an image that may be released, its digest in it.

    Args:
        evaluation: what governance says of the manifest.
        inputs: what the image is made of, or the reason why there can be none.
        context: the day and the waivers.

    Raises:
        GateRefusal: governance or a scanner refuses, or a scanner could not do its work.
    """
    if evaluation.refused:
        raise GateRefusal(failure_text(evaluation.findings))
    if isinstance(inputs, str):
        raise GateRefusal(inputs)
    folder = settings.cache / "gate" / f"{inputs.digest()[:32]}-{_scanner_key(settings)}"
    # Another run may be at the same work: this one waits, and takes what that one made.
    with exclusively(folder):
        evidence = read_evidence(folder / "evidence.json")
        if evidence is None:
            evidence = _build_and_scan(inputs, settings, folder)
    subject = verdict.Subject(inputs.model, inputs.version, inputs.base_image)
    judged = verdict.judge(evidence, subject, context)
    if judged.objections:
        raise GateRefusal(verdict.failure_text(judged.objections))
    return Passed(evidence, judged.waived)


def _scanner_key(settings: GateSettings) -> str:
    """Evidence of another scanner or from another database is none for this stack."""
    try:
        scanner = f"trivy {trivy.trivy_version()} {settings.vulnerability_database}"
        return hashlib.sha256(scanner.encode()).hexdigest()[:16]
    except ToolError as error:
        raise GateRefusal(
            f"❌ Security scan failed\n\nThe scanner is not usable: {error}"
        ) from error


def _build_and_scan(inputs: BuildInputs, settings: GateSettings, folder: Path) -> Evidence:
    cache = settings.cache / "trivy"
    try:
        secrets = trivy.scan_folder_for_secrets(
            settings.server_source, cache=cache, timeout=settings.scan_seconds
        )
        staged = context.stage(settings.server_source, inputs)
        layout = folder / "layout"
        digest = build.build_layout(
            staged, base_image=inputs.base_image, builder=settings.builder, target=layout
        )
        scan = trivy.scan_image(
            layout,
            database=settings.vulnerability_database,
            cache=cache,
            timeout=settings.scan_seconds,
        )
    except ToolError as error:
        raise GateRefusal(f"❌ Build or security scan failed\n\n{error}") from error
    scan = scan.model_copy(update={"secrets": (*scan.secrets, *secrets)})
    evidence = Evidence(image_digest=digest, scans=(scan,))
    write_evidence(evidence, folder / "evidence.json")
    return evidence
