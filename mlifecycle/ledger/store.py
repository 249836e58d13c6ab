"""Where the ledger is: an artifact in the registry for each record, by a tag that never moves."""

import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mlifecycle import registry
from mlifecycle.exclusive import write_whole
from mlifecycle.ledger.record import TAG, TOLD, Record, RecordError, gaps, heads, read_record
from mlifecycle.process import ToolError
from mlifecycle.security.signing import StatementSigner

RECORD = "application/vnd.mlifecycle.record.v1+json"
# How far back heads are looked for. Who writes names all heads that it sees, so one that nobody has
# named is younger than that, unless so many wrote without seeing it.
WINDOW = 20


@dataclass(frozen=True)
class Ledger:
    """The records of one stack.

    Attributes:
        registry: a host, or a host with a path.
        cache: this machine's folder; what a tag says never changes.
        signer: signs what is added, and then nothing that it has not signed is a record; None where
            the stack has no key.
    """

    registry: str
    stack: str
    cache: Path
    signer: StatementSigner | None = None

    @property
    def repository(self) -> str:
        """Where its records are."""
        return f"{self.registry}/mlifecycle/ledger/{self.stack}"

    def tags(self) -> list[str]:
        """The tags of all records, the oldest first.

        Raises:
            ToolError: the registry does not answer.
        """
        return sorted(tag for tag in registry.tags(self.repository) if TAG.fullmatch(tag))

    def record(self, tag: str, *, fresh: bool = False) -> Record:
        """The record of a tag.

        Args:
            fresh: as the registry has it, and not as this machine has seen it before.

        Raises:
            RecordError: it is torn, or another than its tag says.
            ToolError: the registry does not answer.
        """
        signed_by = base64.b32encode(self.signer.hint.encode()).decode() if self.signer else ""
        file = self.cache / "ledger" / signed_by / f"{tag}.json"
        if file.exists() and not fresh:
            return read_record(tag, file.read_text())
        document = registry.find_document(f"{self.repository}:{tag}")
        if document is None:
            raise RecordError(f"{tag}: the registry lists it, and does not have it")
        text = self._opened(tag, document)
        record = read_record(tag, text)
        write_whole(file, text)
        return record

    def require(self, tags: Iterable[str]) -> None:
        """Make sure that what was followed before is still there.

        Raises:
            RecordError: it is not.
            ToolError: the registry does not answer.
        """
        if missing := self.missing(tags):
            raise RecordError(
                f"{self.repository} lacks {missing[-1]}, which this stack has followed: its newest"
                " records, or all, were taken away. Restore them from a backup of the registry"
            )

    def missing(self, tags: Iterable[str]) -> list[str]:
        """Those of some tags that are not there, the oldest first.

        Raises:
            ToolError: the registry does not answer.
        """
        wanted = set(tags)
        return sorted(wanted - set(self.tags() if wanted else ()))

    def all(self, *, fresh: bool) -> tuple[list[Record], list[str]]:
        """Every record, the newest first, and what is wrong with any.

        Args:
            fresh: read each from the registry, whatever this machine knows of it.

        Raises:
            ToolError: the registry does not answer.
        """
        tags, found, problems = self.tags(), [], []
        for tag in reversed(tags):
            try:
                found.append(self.record(tag, fresh=fresh))
            except RecordError as error:
                problems.append(str(error))
        missing = [
            f"{tag}: a later record names it, and it is not there" for tag in gaps(tags, found)
        ]
        return found, problems + missing

    def last(self) -> dict[str, Record]:
        """The newest record of each model that the stack has, or holds back, of what it runs.

        Raises:
            ToolError: the registry does not answer.
        """
        tags, newest = self.newest()
        ends = heads(tags, newest)
        wanted = {name for record in newest if record.tag in ends for name in record.models}
        found: dict[str, Record] = {}
        for tag in reversed(self.tags()):
            if wanted <= found.keys():
                break
            try:
                record = self.record(tag)
            except RecordError:
                # A torn one says nothing; `history --check` names it.
                continue
            if record.kind not in TOLD:
                found.setdefault(record.model, record)
        return {name: record for name, record in found.items() if name in wanted}

    def standing(self, record: Record | None) -> Record | None:
        """The release that a model's newest record leaves running; None where it, or none, does.

        Raises:
            ToolError: the registry does not answer, or it is torn, or changed.
        """
        if record is None or record.kind == "release":
            return record
        return self.record(record.to) if record.to else None

    def newest(self) -> tuple[list[str], list[Record]]:
        """The newest tags, and those of their records that can be read.

        A torn one is passed over: what it was to say was not said, and its writer was told so.

        Raises:
            ToolError: the registry does not answer.
        """
        tags, found = self.tags()[-WINDOW:], []
        for tag in tags:
            try:
                found.append(self.record(tag))
            except RecordError:
                continue
        return tags, found

    def append(self, record: Record) -> Record:
        """Add a record behind all that is there; as it was added.

        Two who add at once both do: their records stand side by side, and the next joins them.

        Raises:
            ToolError: the registry refuses, or gives back something else.
        """
        tags, known = self.newest()
        after = heads(tags, known)
        sequence = max((int(tag[1:9]) for tag in tags), default=0) + 1
        added = record.model_copy(update={"sequence": sequence, "after": after})
        text = added.text()
        document = self.signer.bundle(text, RECORD) if self.signer else text
        registry.put_document(f"{self.repository}:{added.tag}", RECORD, document)
        kept = registry.find_document(f"{self.repository}:{added.tag}")
        if kept != document:
            raise ToolError(f"{self.repository}:{added.tag} is not what was put there")
        return added

    def _opened(self, tag: str, document: str) -> str:
        """The text of a record, which may be signed."""
        if self.signer:
            text = self.signer.text(document, RECORD)
            if text is None:
                raise RecordError(f"{tag}: is not signed by the key of this stack")
            return text
        try:
            envelope = json.loads(document)["dsseEnvelope"]
            return base64.b64decode(envelope["payload"]).decode()
        # It is none, or torn.
        except (ValueError, LookupError, TypeError):
            return document
