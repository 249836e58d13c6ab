"""The base image of a stack: the digest that its tag had when it was first asked for.

A tag moves with every patch of its vendor, and a release must not: the digest is kept in the
registry for every run, until somebody renews it.
"""

import hashlib
from dataclasses import dataclass

from mlifecycle import registry
from mlifecycle.process import ToolError

_KIND = "application/vnd.mlifecycle.base-image.v1"


@dataclass(frozen=True)
class BaseImage:
    """A base image by digest.

    Attributes:
        name: as the stack's configuration names it.
        reference: `name@sha256:...`.
        is_kept: whether every run takes it.
    """

    name: str
    reference: str
    is_kept: bool


def base_image_of(name: str, host: str) -> BaseImage:
    """The digest that is kept for a name, else what its tag says now.

    Args:
        host: the stack's registry.

    Raises:
        ToolError: a registry does not answer, or what it keeps is no digest.
    """
    if "@" in name:
        return BaseImage(name, name, is_kept=True)
    kept = registry.find_document(_document(name, host))
    if kept is None:
        return renewed(name)
    digest = kept.strip()
    if not registry.DIGEST.fullmatch(digest):
        raise ToolError(f"{_document(name, host)} holds no digest: {digest[:100]!r}")
    return BaseImage(name, f"{name}@{digest}", is_kept=True)


def renewed(name: str) -> BaseImage:
    """What its tag says now.

    Raises:
        ToolError: the registry does not answer.
    """
    return BaseImage(name, f"{name}@{registry.resolve_digest(name)}", is_kept=False)


def keep(base: BaseImage, host: str) -> None:
    """Keep a digest for every later run, in the place of another.

    Raises:
        ToolError: the registry refuses.
    """
    registry.put_document(_document(base.name, host), _KIND, base.reference.partition("@")[2])


def _document(name: str, host: str) -> str:
    return f"{host}/mlifecycle/base-images:{hashlib.sha256(name.encode()).hexdigest()}"
