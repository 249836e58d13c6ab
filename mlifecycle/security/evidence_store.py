"""Evidence in the registry, beside the image: any machine's next run finds it there."""

from tenacity import (
    retry,
    retry_if_exception_type,
    retry_if_result,
    stop_after_attempt,
    wait_random,
)

from mlifecycle import registry
from mlifecycle.image import names
from mlifecycle.image.names import BuildInputs
from mlifecycle.process import ToolError
from mlifecycle.security.attestations import ALWAYS, Statement, evidence_in
from mlifecycle.security.evidence import Evidence
from mlifecycle.security.signing import BUNDLE, StatementSigner

# Registries without the referrers API keep one list for each image. Two who write it at once leave
# out what one of them added, so it is read back. And two who upload one blob at once may both be
# told that it is unknown.
ATTEMPTS = 5
# The media type of in-toto statements, and the annotations by which readers choose among them.
STATEMENT = "application/vnd.in-toto+json"
PREDICATE = "in-toto.io/predicate-type"
SCANNED_BY = "mlifecycle.io/scanned-by"
NAME = "mlifecycle.io/statement"
KEY = "mlifecycle.io/key"
BUNDLE_PREDICATE, BUNDLE_CONTENT = (
    "dev.sigstore.bundle.predicateType",
    {"dev.sigstore.bundle.content": "dsse-envelope"},
)


def find_evidence(
    repository: str, inputs: BuildInputs, signer: StatementSigner | None
) -> Evidence | None:
    """The evidence of the image that was made of those inputs; None where there is none.

    Args:
        signer: where there is one, only what it has signed counts.

    Raises:
        ToolError: the registry does not answer.
    """
    digest = registry.find_digest(f"{repository}:{names.tag(inputs)}")
    if digest is None:
        return None
    # A tag that was moved to another image brings that image's evidence with it: of other inputs.
    return evidence_in(digest, inputs.digest(), _statements(repository, digest, signer))


def has_evidence(
    repository: str, digest: str, scanned_by: str, signer: StatementSigner | None
) -> bool:
    """Whether an image has all its statements, without a look at what they say.

    Args:
        scanned_by: what must have looked at it, by its summary.
        signer: where there is one, only what says that its key has signed it counts.

    Raises:
        ToolError: the registry does not answer.
    """
    found = [
        item.annotations
        for item in registry.attachments(repository, digest)
        if item.media_type == (STATEMENT if signer is None else BUNDLE)
        and item.annotations.get(KEY) == (signer and signer.hint)
    ]
    looked = {annotations.get(SCANNED_BY) for annotations in found}
    return scanned_by in looked and {annotations.get(NAME) for annotations in found} >= ALWAYS


def store_statements(
    repository: str, digest: str, wanted: list[Statement], signer: StatementSigner | None
) -> None:
    """Attach the statements that are not there yet, and make sure that they are.

    Raises:
        ToolError: the registry refuses, or keeps losing what it was given.
    """
    if not _attach_missing(repository, digest, wanted, signer):
        raise ToolError(f"{repository} does not keep the evidence that it is given")


@retry(
    stop=stop_after_attempt(ATTEMPTS),
    wait=wait_random(0, 1),
    retry=retry_if_result(lambda complete: not complete) | retry_if_exception_type(ToolError),
    retry_error_callback=lambda state: state.outcome.result() if state.outcome else False,
)
def _attach_missing(
    repository: str, digest: str, wanted: list[Statement], signer: StatementSigner | None
) -> bool:
    for statement in _missing(repository, digest, wanted, signer):
        _attach(repository, digest, statement, signer)
    return not _missing(repository, digest, wanted, signer)


def _attach(
    repository: str, digest: str, statement: Statement, signer: StatementSigner | None
) -> None:
    ours = {NAME: statement.name}
    if statement.scanned_by:
        ours[SCANNED_BY] = statement.scanned_by
    if signer is None:
        annotations = {PREDICATE: statement.kind, **ours}
        registry.attach(repository, digest, STATEMENT, annotations, statement.text)
    else:
        signed = {**BUNDLE_CONTENT, BUNDLE_PREDICATE: statement.kind, KEY: signer.hint}
        registry.attach(repository, digest, BUNDLE, signed | ours, signer.bundle(statement.text))


def _missing(
    repository: str, digest: str, wanted: list[Statement], signer: StatementSigner | None
) -> list[Statement]:
    there = _statements(repository, digest, signer)
    return [item for item in wanted if item.name not in there.get(item.text, ())]


def _statements(
    repository: str, digest: str, signer: StatementSigner | None
) -> dict[str, set[str | None]]:
    """What is stated of an image, with the names of those who state it: by anybody, or where there
    is a signer, by its key.
    """
    found: dict[str, set[str | None]] = {}
    for item in registry.attachments(repository, digest):
        if item.media_type != (STATEMENT if signer is None else BUNDLE):
            continue
        read = registry.read_attachment(repository, item).strip()
        text = read if signer is None else signer.text(read)
        if text is not None:
            found.setdefault(text, set()).add(item.annotations.get(NAME))
    return found
