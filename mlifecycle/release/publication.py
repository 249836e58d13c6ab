"""Publishing an image that has passed: evidence first, then its names; and again what got lost."""

from dataclasses import dataclass
from pathlib import Path

from mlifecycle import registry
from mlifecycle.image import names
from mlifecycle.image.names import BuildInputs
from mlifecycle.manifest.schema import Manifest
from mlifecycle.process import ToolError
from mlifecycle.security.attestations import statements
from mlifecycle.security.evidence import Evidence
from mlifecycle.security.evidence_store import has_evidence, store_statements
from mlifecycle.security.release_statements import golden_result, model_bom
from mlifecycle.security.signing import StatementSigner


@dataclass(frozen=True)
class Destination:
    """Where a model's images are published.

    Attributes:
        alias: the tag by which people name the version; empty where the registry's tags never move.
        scanned_by: what must have looked at them, as `Evidence.scanned_by`.
        policy_digest: 64 hex digits over the policy by which they pass.
    """

    repository: str
    alias: str
    scanned_by: str
    signer: StatementSigner | None
    policy_digest: str


def publish(
    evidence: Evidence,
    inputs: BuildInputs,
    manifest: Manifest,
    destination: Destination,
    *,
    stands: bool = False,
) -> None:
    """Give an image that was pushed by digest its evidence, then its names.

    Args:
        stands: as `statements`.

    Raises:
        ToolError: the registry has not the bytes that were scanned, or has them under a name that
            means others, or refuses.
    """
    repository, digest = destination.repository, evidence.image_digest
    if registry.find_digest(f"{repository}@{digest}") is None:
        raise ToolError(
            f"{repository} does not hold {digest}, which was scanned: what was pushed is something"
            " else. Nothing has been named; run the same command again"
        )
    tag = names.tag(inputs)
    named = registry.find_digest(f"{repository}:{tag}")
    if named not in (None, digest):
        raise ToolError(
            f"{repository}:{tag} is {named}, and not {digest}, which was scanned: somebody has"
            " moved the tag. Find out who, remove it, and run the same command again"
        )
    wanted = statements(repository, evidence, destination.policy_digest, stands=stands)
    wanted.append(model_bom(repository, digest, manifest, inputs))
    store_statements(repository, digest, wanted, destination.signer)
    for name in filter(None, (tag, destination.alias)):
        registry.set_tag(repository, digest, name)


def publish_result(
    digest: str, inputs: BuildInputs, samples: int, destination: Destination
) -> None:
    """State of a published image that it answered its golden samples where it runs.

    Raises:
        ToolError: the registry refuses.
    """
    result = golden_result(destination.repository, digest, inputs, samples)
    store_statements(destination.repository, digest, [result], destination.signer)


def is_published(inputs: BuildInputs, digest: str, destination: Destination) -> bool:
    """Whether the registry still has an image that runs, its names and its evidence.

    Raises:
        ToolError: the registry does not answer.
    """
    repository = destination.repository
    tags = filter(None, (names.tag(inputs), destination.alias))
    return all(registry.find_digest(f"{repository}:{tag}") == digest for tag in tags) and (
        has_evidence(repository, digest, destination.scanned_by, destination.signer)
    )


def push_scanned(layout: Path, digest: str, destination: Destination) -> None:
    """Push the bytes that were scanned, where the registry has not got them.

    Raises:
        ToolError: the layout has other bytes, or the registry refuses.
    """
    if registry.find_digest(f"{destination.repository}@{digest}") is None:
        registry.push_layout(layout, destination.repository, digest)
