"""What a registry holds, and putting things there; regctl speaks to every kind of registry."""

import json
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tenacity import retry, retry_if_exception, stop_after_attempt, wait_random

from mlifecycle.process import ToolError, run_tool

ATTEMPTS = 5
REQUEST_SECONDS = 60
PUSH_SECONDS = 600
# Tags that are asked for at once.
PAGE = 1000
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
        if is_absence(error):
            return None
        raise


def is_absence(error: ToolError) -> bool:
    """Whether a registry answers that it has no such thing, as against not answering."""
    return "not found [http 404]" in str(error)


def push_layout(layout: Path, repository: str, digest: str) -> None:
    """Push the image of an OCI layout by its digest, without a name.

    Raises:
        ToolError: the layout has no such image, or the registry refuses.
    """
    run_tool(
        ["regctl", "image", "copy", f"ocidir://{layout}@{digest}", f"{repository}@{digest}"],
        timeout=PUSH_SECONDS,
    )


def set_tag(repository: str, digest: str, tag: str) -> None:
    """Give the image of that digest a name.

    Raises:
        ToolError: the registry lacks it, or refuses.
    """
    run_tool(
        ["regctl", "image", "copy", f"{repository}@{digest}", f"{repository}:{tag}"],
        timeout=REQUEST_SECONDS,
    )


def _is_collision(error: BaseException) -> bool:
    """Whether two uploaded one blob at once, such as the empty configuration of each artifact.

    Registries that keep blobs as files may then tell both that it is unknown.
    """
    return isinstance(error, ToolError) and "BLOB_UNKNOWN" in str(error)


_again_after_collision = retry(
    stop=stop_after_attempt(ATTEMPTS),
    wait=wait_random(0, 1),
    retry=retry_if_exception(_is_collision),
    reraise=True,
)


@_again_after_collision
def put_files(reference: str, kind: str, folder: Path, file_type: str) -> None:
    """Put the files of a folder into the registry under a name, as one artifact.

    Args:
        kind: the artifact's type.
        file_type: each file's media type.

    Raises:
        ToolError: the registry refuses.
    """
    files = sorted(file.name for file in folder.iterdir())
    run_tool(
        [
            *("regctl", "artifact", "put", "--artifact-type", kind, "--file-title"),
            *(part for file in files for part in ("--file", file)),
            *(["--file-media-type", file_type] * len(files)),
            reference,
        ],
        timeout=PUSH_SECONDS,
        directory=folder,
    )


@_again_after_collision
def put_document(reference: str, kind: str, text: str) -> None:
    """Put a text into the registry under a name, in the place of what has it now.

    Args:
        kind: its media type.

    Raises:
        ToolError: the registry refuses.
    """
    _put(["--artifact-type", kind, "--file-media-type", kind, reference], text)


def find_document(reference: str) -> str | None:
    """The text that has a name; None where the registry answers that nothing has it.

    Raises:
        ToolError: the registry does not answer.
    """
    try:
        return run_tool(["regctl", "artifact", "get", reference], timeout=REQUEST_SECONDS)
    except ToolError as error:
        if is_absence(error):
            return None
        raise


def tags(repository: str) -> list[str]:
    """Every tag of a repository; none where there is no such repository.

    Raises:
        ToolError: the registry does not answer.
    """
    found: list[str] = []
    while True:
        last = ["--last", found[-1]] if found else []
        command = ["regctl", "tag", "ls", "--limit", str(PAGE), *last, repository]
        try:
            page = run_tool(command, timeout=REQUEST_SECONDS).split()
        except ToolError as error:
            if is_absence(error):
                return found
            raise
        # One that knows no pages answers with all of them, again and again.
        new = [tag for tag in page if tag not in set(found)]
        found += new
        if not new or len(page) < PAGE:
            return found


@dataclass(frozen=True)
class Attachment:
    """A document that speaks of an image: an OCI artifact whose subject is the image.

    Attributes:
        media_type: of the document.
        digest: of the artifact that holds it.
    """

    media_type: str
    annotations: Mapping[str, str]
    digest: str


def attach(
    repository: str, digest: str, media_type: str, annotations: Mapping[str, str], document: str
) -> None:
    """Attach a document to an image; the same one twice is one.

    Raises:
        ToolError: the registry refuses, or has no such image.
    """
    _put(
        [
            *("--artifact-type", media_type, "--file-media-type", media_type),
            *("--subject", f"{repository}@{digest}"),
            *(
                part
                for key, value in annotations.items()
                for part in ("--annotation", f"{key}={value}")
            ),
        ],
        document,
    )


def _put(arguments: list[str], text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "document").write_text(text)
        run_tool(
            ["regctl", "artifact", "put", "--file", "document", *arguments],
            timeout=REQUEST_SECONDS,
            directory=Path(folder),
        )


def attachments(repository: str, digest: str) -> list[Attachment]:
    """The documents that are attached to an image.

    Raises:
        ToolError: the registry does not answer.
    """
    answer = run_tool(
        ["regctl", "artifact", "list", f"{repository}@{digest}", "--format", "{{json .}}"],
        timeout=REQUEST_SECONDS,
    )
    try:
        return [
            Attachment(item.get("artifactType", ""), item.get("annotations") or {}, item["digest"])
            for item in json.loads(answer)["descriptors"] or ()
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ToolError(f"regctl printed a list that cannot be read: {error}") from error


def read_attachment(repository: str, attachment: Attachment) -> str:
    """A document's text.

    Raises:
        ToolError: the registry does not answer.
    """
    reference = f"{repository}@{attachment.digest}"
    return run_tool(["regctl", "artifact", "get", reference], timeout=REQUEST_SECONDS)
