"""The governance owner's lists: what may be used, and what is known to be vulnerable."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from mlifecycle.governance.owners_file import POLICY_PACK, read_owners_file

DEFAULT_FILE = POLICY_PACK / "approved.yaml"


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

    frameworks: tuple[str, ...] = Field(min_length=1)
    packages: tuple[str, ...] = Field(min_length=1)
    known_vulnerable: dict[str, tuple[str, ...]]
    data_sources: tuple[str, ...] = Field(min_length=1)
    registries: tuple[str, ...] = Field(min_length=1)
    uri_schemes: dict[str, tuple[str, ...]] = Field(min_length=1)


def load_approved(file: Path = DEFAULT_FILE) -> Approved:
    """Read and check the file.

    Raises:
        OwnersFileError: unreadable or malformed; nothing may be judged without it.
    """
    approved: Approved = read_owners_file(file, Approved)
    return approved
