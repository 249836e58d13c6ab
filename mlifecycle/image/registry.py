"""What the registry says of an image, and naming it; regctl speaks to every kind of registry."""

import json
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from mlifecycle.process import ToolError, run_tool

REQUEST_SECONDS = 60
# The media type of in-toto statements, and the annotation by which readers choose among them.
STATEMENT = "application/vnd.in-toto+json"
PREDICATE = "in-toto.io/predicate-type"
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def resolve_digest(image: str) -> str:
    """The digest behind a name, as `sha256:<hex>`.

    Raises:
        ToolError: the registry does not answer, or has no such image.
    """
    digest = run_tool(["regctl", "image", "digest", image], timeout=REQUEST_SECONDS).strip()
    if not DIGEST.fullmatch(digest):
        raise ToolError(f"regctl printed {digest[:100]!r} as the digest of {image}")
    return digest


def find_digest(image: str) -> str | None:
    """As `resolve_digest`, None where the registry answers that it has no such image.

    Raises:
        ToolError: the registry does not answer: then nobody knows what it has.
    """
    try:
        return resolve_digest(image)
    except ToolError as error:
        if "not found [http 404]" in str(error):
            return None
        raise


def pin(image: str) -> str:
    """`image` by digest: itself where it names one, else what its tag says now."""
    if "@sha256:" in image:
        return image
    return f"{image}@{resolve_digest(image)}"


def set_tag(repository: str, digest: str, tag: str) -> None:
    """Give the image of that digest a name.

    Raises:
        ToolError: the registry lacks it, or refuses.
    """
    run_tool(
        ["regctl", "image", "copy", f"{repository}@{digest}", f"{repository}:{tag}"],
        timeout=REQUEST_SECONDS,
    )


@dataclass(frozen=True)
class Attachment:
    """A document that speaks of an image: an OCI artifact whose subject is the image.

    Attributes:
        kind: the in-toto predicate's type.
    """

    kind: str
    digest: str


def attach(repository: str, digest: str, kind: str, document: str) -> None:
    """Attach an in-toto statement to an image; the same one twice is one.

    Raises:
        ToolError: the registry refuses, or has no such image.
    """
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "statement.json").write_text(document)
        run_tool(
            [
                *("regctl", "artifact", "put", "--artifact-type", STATEMENT),
                *("--subject", f"{repository}@{digest}", "--file", "statement.json"),
                *("--file-media-type", STATEMENT, "--annotation", f"{PREDICATE}={kind}"),
            ],
            timeout=REQUEST_SECONDS,
            directory=Path(folder),
        )


def attachments(repository: str, digest: str) -> list[Attachment]:
    """The statements that are attached to an image.

    Raises:
        ToolError: the registry does not answer.
    """
    answer = run_tool(
        ["regctl", "artifact", "list", f"{repository}@{digest}", "--format", "{{json .}}"],
        timeout=REQUEST_SECONDS,
    )
    try:
        return [
            Attachment((item.get("annotations") or {}).get(PREDICATE, ""), item["digest"])
            for item in json.loads(answer)["descriptors"] or ()
            if item.get("artifactType") == STATEMENT
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ToolError(f"regctl printed a list that cannot be read: {error}") from error


def read_attachment(repository: str, attachment: Attachment) -> str:
    """A statement's text.

    Raises:
        ToolError: the registry does not answer.
    """
    reference = f"{repository}@{attachment.digest}"
    return run_tool(["regctl", "artifact", "get", reference], timeout=REQUEST_SECONDS)
