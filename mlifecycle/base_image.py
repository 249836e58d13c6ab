"""The base image of a stack: what its tag named, and its patches, when it was first asked for.

A tag moves with every patch of its vendor, and so does the system's archive; a release must not:
both are kept in the registry for every run, until somebody renews them.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, replace

from mlifecycle import registry
from mlifecycle.exclusive import exclusively, write_whole
from mlifecycle.image.names import OsPatches
from mlifecycle.os_patches import PatchStore
from mlifecycle.process import ToolError

_KIND = "application/vnd.mlifecycle.base-image.v2"


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
    patches: OsPatches
    is_kept: bool


@dataclass(frozen=True)
class BaseImages:
    """The base images that a registry keeps.

    Attributes:
        builder: the buildx builder that can read them.
    """

    patches: PatchStore
    builder: str

    def of(self, name: str) -> BaseImage:
        """What is kept for a name, else what is made of it now.

        Raises:
            ToolError: a registry or the system's archive does not answer, or what is kept cannot
                be read.
        """
        if kept := self.kept(name):
            return kept
        reference = _resolved(name)
        digest = reference.partition("@")[2].removeprefix("sha256:")
        file = self.patches.cache / "base-images" / f"{digest}.json"
        # The preview and its `up` must agree, and one fetch is enough for two runs.
        with exclusively(file):
            try:
                patches = OsPatches(**json.loads(file.read_text()))
            # One that a machine's crash has emptied is none.
            except (OSError, ValueError, TypeError):
                patches = self.patches.find(reference, self.builder)
                write_whole(file, json.dumps(asdict(patches)))
        return BaseImage(name, reference, patches, is_kept=False)

    def renewed(self, name: str) -> BaseImage:
        """What its tag and its system's archive say now, kept for every later run.

        Raises:
            ToolError: a registry or the archive does not answer.
        """
        before, reference = self.kept(name), _resolved(name)
        patches = self.patches.find(reference, self.builder)
        if before and before.patches.digest == patches.digest:
            # Another day alone must not roll every model.
            patches = before.patches
        after = BaseImage(name, reference, patches, is_kept=False)
        self.keep(after)
        return replace(after, is_kept=True)

    def keep(self, base: BaseImage) -> None:
        """Keep it for every later run, in the place of another.

        Raises:
            ToolError: the registry refuses.
        """
        self.patches.keep(base.patches)
        text = {"digest": base.reference.partition("@")[2], "patches": asdict(base.patches)}
        registry.put_document(self._document(base.name), _KIND, json.dumps(text))

    def kept(self, name: str) -> BaseImage | None:
        """What every run takes; None where nothing is kept.

        Raises:
            ToolError: the registry does not answer, or what it keeps cannot be read.
        """
        text = registry.find_document(self._document(name))
        if text is None:
            return None
        try:
            kept = json.loads(text)
            patches = OsPatches(**kept["patches"])
            if not registry.DIGEST.fullmatch(kept["digest"]):
                raise ValueError(f"{kept['digest']!r} is no digest")
        except (ValueError, KeyError, TypeError) as error:
            raise ToolError(f"{self._document(name)} cannot be read: {error}") from error
        return BaseImage(name, f"{name.partition('@')[0]}@{kept['digest']}", patches, is_kept=True)

    def _document(self, name: str) -> str:
        key = hashlib.sha256(name.encode()).hexdigest()
        return f"{self.patches.registry}/mlifecycle/bases:{key}"


def _resolved(name: str) -> str:
    return name if "@" in name else f"{name}@{registry.resolve_digest(name)}"
