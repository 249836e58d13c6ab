"""Waivers: who lets which finding of which model pass, why, and until when."""

import re
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Self
from unicodedata import normalize

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from mlifecycle.governance.owners_file import POLICY_PACK, read_owners_file
from mlifecycle.manifest.fields import DAY, Name, Version

DEFAULT_FILE = POLICY_PACK / "waivers.yaml"
MAXIMUM_DAYS = 90
# What names a vulnerability; anything else must be a rule's id.
VULNERABILITY = re.compile(
    r"(CVE-\d{4}-\d{4,}|GHSA(-[0-9a-z]{4}){3}|(?!CVE|GHSA)[A-Z]{2,}-\d{4}-\d+)", re.ASCII
)


def _day(value: Any) -> Any:
    """A day as written: a number would be read as seconds since 1970."""
    if isinstance(value, str) and DAY.fullmatch(value):
        return value
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    raise ValueError("write a day, such as 2026-11-24")


# No wildcard, and nothing that a terminal or a table would read as more than a name.
Word = Annotated[
    str, StringConstraints(strict=True, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:@/+-]*$", max_length=200)
]
Day = Annotated[date, BeforeValidator(_day)]
Sentence = Annotated[
    str,
    StringConstraints(strict=True, min_length=10, max_length=500, pattern=r"^[^\x00-\x1f\x7f]+$"),
]


class Waiver(BaseModel):
    """One exception; the fields are the columns of the audit.

    Attributes:
        finding: a rule's id, or a vulnerability's (CVE-..., GHSA-...).
        model: the exact model; None where `base_image` is given.
        version: the exact version of it, or
        digest: the exact image of it.
        base_image: the digest of a base image, for vulnerabilities that come with it.
        expires: the last day on which it holds.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    finding: Word
    model: Name | None = None
    version: Version | None = None
    digest: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")] | None = None
    base_image: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")] | None = None
    owner: Word
    approver: Word
    reason: Sentence
    created: Day
    expires: Day
    ticket: Word

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if _person(self.approver) == _person(self.owner):
            raise ValueError(f"{self.approver} approves a waiver of their own")
        if not 0 < (self.expires - self.created).days <= MAXIMUM_DAYS:
            raise ValueError(f"expires must be 1 to {MAXIMUM_DAYS} days after created")
        exact = self.version is not None or self.digest is not None
        if self.base_image is None and not (self.model and exact):
            raise ValueError("give model and version, or model and digest, or base_image")
        if not self.is_of_a_vulnerability and self.version is None:
            raise ValueError("a rule judges a version: give model and version")
        if not self.is_of_a_vulnerability and self.digest is not None:
            raise ValueError("a rule judges a manifest, before there is an image: give no digest")
        if self.base_image is not None and (self.model or exact):
            raise ValueError("base_image stands alone: no model, version or digest beside it")
        return self

    @property
    def is_of_a_vulnerability(self) -> bool:
        """Whether it speaks of a scanner's finding, not of a rule's."""
        return VULNERABILITY.fullmatch(self.finding) is not None

    def days_left(self, today: date) -> int:
        """How many days it still holds after today; less than 0 when it has ended."""
        return (self.expires - today).days

    def words(self, today: date) -> str:
        """How a report shows that something passed by this only, and how long it still may."""
        return (
            f"waived until {self.expires} ({self.days_left(today)} days left), "
            f"{self.ticket}, approved by {self.approver}"
        )

    def holds(self, today: date) -> bool:
        """Whether it has begun and not ended."""
        return self.created <= today <= self.expires

    def names(self, finding: str, model: str, version: str) -> bool:
        """Whether it speaks of that finding of that release."""
        return (self.finding, self.model, self.version) == (finding, model, version)


def _person(name: str) -> str:
    """Whoever is behind a name, a mail address, or a name at a provider such as `github:ada`."""
    own = re.split("[:/]", normalize("NFKC", name))[-1].partition("@")[0].partition("+")[0]
    return "".join(filter(str.isalnum, own.casefold()))


def load_waivers(file: Path = DEFAULT_FILE) -> tuple[Waiver, ...]:
    """Read and check the file; an empty list is a file without waivers.

    Raises:
        OwnersFileError: unreadable, malformed, a wildcard, or approved by its own owner.
    """
    waivers: tuple[Waiver, ...] = read_owners_file(file, tuple[Waiver, ...])
    return waivers
