"""The governance owner's lists: what may be used, and what is known to be vulnerable."""

import re
from pathlib import Path
from typing import Annotated

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from mlifecycle.governance.owners_file import POLICY_PACK, read_owners_file
from mlifecycle.manifest.fields import URI_SCHEMES

DEFAULT_FILE = POLICY_PACK / "approved.yaml"


def _canonical(name: str) -> str:
    if canonicalize_name(name) != name:
        raise ValueError(f"write it as {canonicalize_name(name)}, or it matches nothing")
    return name


def _version(text: str) -> str:
    try:
        Version(text)
    except InvalidVersion as error:
        raise ValueError("it must be one exact version, such as 1.8.0") from error
    return text


def _pattern(text: str) -> str:
    # A * without an address before it would be every source of a kind.
    if not re.match(r"[a-z0-9]+://[a-z0-9]" if "*" in text or "://" in text else "[a-z0-9]", text):
        raise ValueError("a pattern must begin with an address, such as s3://approved-data-*")
    return text


def _registry(text: str) -> str:
    # A * in the domain itself would be every domain.
    if not re.fullmatch(_REGISTRY, text):
        raise ValueError("write a host, with a path where one is meant, such as ghcr.io")
    return text


def _lower(text: str) -> str:
    if text != text.lower():
        raise ValueError(f"write it as {text.lower()}, or it matches nothing")
    return text


def _scheme(text: str) -> str:
    if text not in URI_SCHEMES:
        raise ValueError(f"no manifest can have it; there are {', '.join(URI_SCHEMES)}")
    return text


_REGISTRY = r"([a-z0-9*]([a-z0-9*-]*[a-z0-9*])?\.)*[a-z0-9-]+\.[a-z0-9-]+(:[0-9]+)?(/[a-z0-9._-]+)*"
Registry = Annotated[str, AfterValidator(_registry)]
Framework = Annotated[str, AfterValidator(_lower)]
Scheme = Annotated[str, AfterValidator(_scheme)]
Package = Annotated[str, AfterValidator(_canonical)]
PackageVersion = Annotated[str, AfterValidator(_version)]
SourcePattern = Annotated[str, AfterValidator(_pattern)]


class Approved(BaseModel):
    """The lists of `approved.yaml`.

    Attributes:
        frameworks: what models may be trained with, in lower case.
        packages: Python packages, by canonical name (PEP 503).
        known_vulnerable: for a package, the versions that are on the deny list.
        data_sources: exact names, or patterns whose `*` is the rest of one path segment.
        registries: hosts with a path where one is meant; `*` is one label of a host name.
        uri_schemes: for each environment, from where models may come.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    frameworks: tuple[Framework, ...] = Field(min_length=1)
    packages: tuple[Package, ...] = Field(min_length=1)
    known_vulnerable: dict[Package, tuple[PackageVersion, ...]] = Field(min_length=1)
    data_sources: tuple[SourcePattern, ...] = Field(min_length=1)
    registries: tuple[Registry, ...] = Field(min_length=1)
    uri_schemes: dict[str, tuple[Scheme, ...]] = Field(min_length=1)


def load_approved(file: Path = DEFAULT_FILE) -> Approved:
    """Read and check the file.

    Raises:
        OwnersFileError: unreadable or malformed; nothing may be judged without it.
    """
    approved: Approved = read_owners_file(file, Approved)
    return approved
