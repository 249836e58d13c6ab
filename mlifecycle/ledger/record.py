"""One record of the ledger, and what makes a set of them one history."""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from mlifecycle.manifest.plain import from_plain
from mlifecycle.manifest.schema import Manifest
from mlifecycle.process import ToolError

Kind = Literal["release", "rollback", "hold", "retry", "removal", "refusal", "notice"]
# What changes nothing about what runs, or is to run.
TOLD = ("refusal", "notice")
# A record's tag: its place, so that the newest are found by their names, and what it says.
TAG = re.compile(r"r([0-9]{8})-([0-9a-f]{64})")


class RecordError(ToolError):
    """The registry gives no record, or one that is not what it should be."""


class Release(BaseModel):
    """A release that answered as it must, with all that it takes to make it again.

    Attributes:
        verified: what the state keeps of it: manifest, version, image, build, lock, generator,
            figures and time.
        inputs, outputs: of the model's component.
        objects: what was made in the cluster, each with its type, name and inputs; Secrets by name.
        evidence: digests of what holds SBOM, scans, test result and verdict.
        governance: what it said, by which waivers.
        verification: how it was verified; empty where the ledger's writer only found it running.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    verified: Mapping[str, Any]
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]
    objects: tuple[Mapping[str, Any], ...]
    evidence: tuple[str, ...]
    governance: Mapping[str, Any]
    verification: Mapping[str, Any]

    @property
    def image(self) -> str:
        """What runs, `name:tag@sha256:...`."""
        return str(self.verified["image"])

    @property
    def version(self) -> str:
        """The manifest's."""
        return str(self.verified["version"])

    @property
    def manifest(self) -> Manifest:
        """What it was released from."""
        return from_plain(self.verified["manifest"])


class Record(BaseModel):
    """What happened to one model of a stack.

    Attributes:
        sequence: one more than the largest of the records that its writer saw.
        after: the tags of all heads that its writer saw, so that none can go unnoticed.
        at: in UTC, `2025-01-02T12:00:00Z`.
        by: who ran the command, and where.
        commit: of the checkout; `+` behind it where that had changes.
        models: those that the stack has, or holds back, as its writer left them.
        version, image: what it is about; no image where nothing runs.
        held: the digest of the manifest that is not released again before it changes, or a retry.
        to: the tag of the release that runs meanwhile; empty where none does.
        release: of a release, and of no other.
        notice: what is to be told of it; the first line is the title.
        tell: the channels that are to be told; of a notice, those that still are.
        settled: of a notice: whether nothing before it is still to be told.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Kind
    stack: str
    model: str
    sequence: int
    after: tuple[str, ...]
    at: str
    by: str
    commit: str
    reason: str = ""
    models: tuple[str, ...] = ()
    version: str = ""
    image: str = ""
    held: str = ""
    to: str = ""
    release: Release | None = None
    notice: str = ""
    tell: tuple[str, ...] = ()
    settled: bool = False

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.kind == "release") != (self.release is not None):
            raise ValueError(f"a record of kind {self.kind} with or without a release")
        return self

    def text(self) -> str:
        """As it is kept: without what is not set, so that a new field changes no older record."""
        return self.model_dump_json(indent=1, exclude_defaults=True) + "\n"

    @property
    def tag(self) -> str:
        """Under which it is kept."""
        return tag_of(self.sequence, self.text())


def tag_of(sequence: int, text: str) -> str:
    """The tag of a record's text."""
    return f"r{sequence:08d}-{hashlib.sha256(text.encode()).hexdigest()}"


def read_record(tag: str, text: str) -> Record:
    """The record of a tag.

    Raises:
        RecordError: the text is none, or is another than the tag says.
    """
    match = TAG.fullmatch(tag)
    if match is None or hashlib.sha256(text.encode()).hexdigest() != match[2]:
        raise RecordError(f"{tag}: its content is another than its name says")
    try:
        record = Record.model_validate_json(text)
    except ValidationError as error:
        raise RecordError(f"{tag}: is no record: {error.errors()[0]['msg']}") from error
    if record.sequence != int(match[1]):
        raise RecordError(f"{tag}: says that it is record {record.sequence}")
    return record


def heads(tags: Iterable[str], records: Iterable[Record]) -> tuple[str, ...]:
    """The tags that no record comes after; more than one where two wrote at once.

    Args:
        records: those of the tags that can be read.
    """
    named = {tag for record in records for tag in record.after}
    return tuple(sorted(set(tags) - named))


def gaps(tags: Iterable[str], records: Sequence[Record]) -> list[str]:
    """The tags that records name, and that are not there."""
    known = set(tags)
    return sorted({tag for record in records for tag in record.after if tag not in known})
