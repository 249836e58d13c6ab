"""The model artifact in its store: what it is, whether it may be served, and its golden samples."""

import contextlib
import hashlib
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path, PurePosixPath

from pydantic import ValidationError

from mlifecycle.artifact.golden import GOLDEN_FILE, GoldenSamples, read_golden
from mlifecycle.artifact.layout import MLMODEL, find_model
from mlifecycle.artifact.places import open_place
from mlifecycle.artifact.signature import (
    SIGNATURE_FILE,
    Signature,
    check_signature,
    load_signers,
)
from mlifecycle.artifact.stored import (
    ArtifactError,
    StoredFolder,
    UnlistedFiles,
)
from mlifecycle.digests import folder_digest
from mlifecycle.exclusive import exclusively, write_whole
from mlifecycle.formats import FORMATS, Format
from mlifecycle.model_store import ModelStore
from mlifecycle.security import model_files
from mlifecycle.security.evidence import Scan
from mlifecycle.security.model_files.judgement import Judged, digest_of, judge_apart
from mlifecycle.security.model_files.known_types import TYPES
from mlifecycle.security.model_files.pickles import SCANNERS

__all__ = ["Artifact", "ArtifactError", "GoldenSamples", "Signature", "inspect_artifact"]

# What an artifact's folder may hold beside what these name.
_LIKELY = (
    *(name for item in FORMATS.values() for name in item.files),
    MLMODEL,
    GOLDEN_FILE,
    SIGNATURE_FILE,
)


@dataclass(frozen=True)
class Artifact:
    """What the store holds for one model version.

    Attributes:
        uri: from which the server fetches; the manifest's, where that names a store.
        model: the file that is loaded first.
        files: the names of all files that are served, below the uri; the golden samples' too.
        digest: `sha256:<hex>` over lines `<sha256>  <file>`, sorted by file; the server checks
            the same.
        golden_digest: `sha256:<hex>` of the golden samples' file; empty where there is none.
        golden: what the model must answer; None where nobody has said.
        scans: what scanners found in the model file, where its format needs any.
        signature: what the artifact's own one is worth.
    """

    uri: str
    format: Format
    model: str
    files: tuple[str, ...]
    digest: str
    golden_digest: str
    golden: GoldenSamples | None
    scans: tuple[Scan, ...]
    signature: Signature


def inspect_artifact(uri: str, store: ModelStore, cache: Path) -> Artifact:
    """Read the artifact's files and compute what a release is checked against.

    Args:
        cache: this machine's folder for what is known of a file, which is read once for each
            content that its store announces.

    Raises:
        ArtifactError: a file is missing (`Model file not found at <uri>`), the store refuses or
            does not answer, the scheme has no store, the model file may not be served, the golden
            samples are malformed, or a signature is not of these files.
    """
    folder = open_place(uri, store, cache, _LIKELY)
    found = find_model(folder.files, folder.read, folder.uri)
    known = _Known(folder, store.endpoint, cache)
    judged = known.judged(found.name, found.format.name)
    if judged.refusal:
        raise ArtifactError(
            f"Model file at {folder.uri}/{found.name} may not be served: {judged.refusal}"
        )
    digests = {found.name: judged.digest}
    for name in _siblings(found.name, judged, folder):
        digests[name] = known.judged(name, None).digest
    samples, golden_digest = None, ""
    if GOLDEN_FILE in folder.files:
        samples, digests[GOLDEN_FILE] = _golden(folder)
        golden_digest = f"sha256:{digests[GOLDEN_FILE]}"
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items()))
    return Artifact(
        uri=folder.uri,
        format=found.format,
        model=found.name,
        files=tuple(sorted(digests)),
        digest=f"sha256:{hashlib.sha256(lines.encode()).hexdigest()}",
        golden_digest=golden_digest,
        golden=samples,
        scans=judged.scans,
        signature=_signature(folder, digests, store.signers),
    )


def _signature(
    folder: StoredFolder, digests: dict[str, str], signers: tuple[str, ...]
) -> Signature:
    if SIGNATURE_FILE not in folder.files:
        return "unsigned"
    try:
        content = folder.read(SIGNATURE_FILE)
        return check_signature(content, digests, load_signers(signers))
    except ValueError as error:
        raise ArtifactError(f"Signature at {folder.uri}/{SIGNATURE_FILE} {error}") from error


def _golden(folder: StoredFolder) -> tuple[GoldenSamples, str]:
    content = folder.read(GOLDEN_FILE)
    try:
        samples = read_golden(content)
    except ValueError as error:
        raise ArtifactError(f"Golden samples at {folder.uri}/{GOLDEN_FILE} {error}") from error
    return samples, hashlib.sha256(content).hexdigest()


def _siblings(model: str, judged: Judged, folder: StoredFolder) -> list[str]:
    """The other files that a model is loaded from."""
    parent = PurePosixPath(model).parent
    wanted = [str(parent / name) for name in judged.siblings]
    if judged.is_folder and isinstance(folder.files, UnlistedFiles):
        raise ArtifactError(
            f"Model at {folder.uri}/{model} is a folder of files, which no server of https lists:"
            " keep it in s3, gs or abfs"
        )
    if judged.is_folder:
        below = f"{parent}/" if parent.name else ""
        own = {model, GOLDEN_FILE, MLMODEL, SIGNATURE_FILE}
        wanted += [name for name in folder.files if name.startswith(below) and name not in own]
    for name in wanted:
        if name not in folder.files:
            raise ArtifactError(f"Model file not found at {folder.uri}/{name}, which {model} needs")
    return wanted


@dataclass(frozen=True)
class _Known:
    """What this machine knows of the contents of a folder's files."""

    folder: StoredFolder
    endpoint: str
    cache: Path

    def judged(self, name: str, format_name: str | None) -> Judged:
        """The digest of a file, and what its format's judge says of it."""
        tag = self.folder.files[name].tag
        # A store that announces no content is asked for all of it each time.
        if tag is None:
            return self._read(name, format_name)
        # What judges is part of the key: a later version of it looks again.
        judges = [folder_digest(Path(model_files.__file__).parent), folder_digest(TYPES.parent)]
        key = [self.endpoint, self.folder.uri, name, tag, str(format_name), *judges]
        key += [version(package) for package in ("onnx", "numpy", *SCANNERS)]
        digest = hashlib.sha256("\n".join(key).encode()).hexdigest()
        file = self.cache / "artifacts" / f"{digest}.json"
        with exclusively(file):
            # One that a machine's crash has emptied is none.
            with contextlib.suppress(OSError, ValidationError):
                return Judged.model_validate_json(file.read_text())
            # Of just the content that was announced, or an error.
            judged = self._read(name, format_name)
            if judged.is_final:
                write_whole(file, judged.model_dump_json())
            return judged

    def _read(self, name: str, format_name: str | None) -> Judged:
        content = self.folder.read(name)
        if format_name is None:
            return digest_of(content)
        return judge_apart(content, format_name)
