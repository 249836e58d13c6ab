"""Evidence in the registry, beside the image: any machine's next run finds it there."""

from tenacity import retry, retry_if_result, stop_after_attempt

from mlifecycle import registry
from mlifecycle.image import names
from mlifecycle.image.names import BuildInputs
from mlifecycle.process import ToolError
from mlifecycle.security.attestations import Statement, evidence_in, statements
from mlifecycle.security.evidence import Evidence

# Registries without the referrers API keep one list for each image. Two who write it at once leave
# out what one of them added, so it is read back.
ATTEMPTS = 3


def find_evidence(repository: str, inputs: BuildInputs) -> Evidence | None:
    """The evidence of the image that was made of those inputs; None where there is none.

    Raises:
        ToolError: the registry does not answer.
    """
    digest = registry.find_digest(f"{repository}:{names.tag(inputs)}")
    if digest is None:
        return None
    attached = registry.attachments(repository, digest)
    return evidence_in(digest, (registry.read_attachment(repository, item) for item in attached))


def store_evidence(repository: str, evidence: Evidence, policy_digest: str) -> None:
    """Attach the statements that are not there yet, and make sure that they are.

    Raises:
        ToolError: the registry refuses, or keeps losing what it was given.
    """
    wanted = statements(repository, evidence, policy_digest)
    if not _attach_missing(repository, evidence.image_digest, wanted):
        raise ToolError(f"{repository} does not keep the evidence that it is given")


@retry(
    stop=stop_after_attempt(ATTEMPTS),
    retry=retry_if_result(lambda complete: not complete),
    retry_error_callback=lambda _: False,
)
def _attach_missing(repository: str, digest: str, wanted: list[Statement]) -> bool:
    for statement in _missing(repository, digest, wanted):
        registry.attach(repository, digest, statement.kind, statement.text)
    return not _missing(repository, digest, wanted)


def _missing(repository: str, digest: str, wanted: list[Statement]) -> list[Statement]:
    there = {
        registry.read_attachment(repository, item).strip()
        for item in registry.attachments(repository, digest)
    }
    return [statement for statement in wanted if statement.text not in there]
