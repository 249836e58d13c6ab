"""What the registry says of an image, and naming it; regctl speaks to every kind of registry."""

import re

from mlifecycle.process import ToolError, run_tool

REQUEST_SECONDS = 60
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
