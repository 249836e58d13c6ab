"""Manifests from files and folders, every problem with file, line and column."""

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from mlifecycle.manifest.nodes import Document, NodeError, Position, read_documents
from mlifecycle.manifest.nodes import Path as FieldPath
from mlifecycle.manifest.schema import Manifest
from mlifecycle.manifest.wording import wording

# A hundred times a long manifest, and small enough to be refused within a second.
MAXIMUM_BYTES = 100_000
SUFFIXES = (".yaml", ".yml")
LEADS_OUT = "a link that leads out of its folder is not read"


@dataclass(frozen=True)
class LoadedManifest:
    """A manifest that passes the schema, and where it stands."""

    manifest: Manifest
    file: Path
    document: Document

    def lines(self) -> dict[FieldPath, int]:
        """On which line of the file each field stands."""
        return {path: position.line for path, position in self.document.positions.items()}


@dataclass(frozen=True)
class Problem:
    """One reason why a file is refused."""

    file: Path
    position: Position
    message: str
    path: tuple[str | int, ...] = ()

    def __str__(self) -> str:
        return f"{self.file}:{self.position.line}:{self.position.column}: {self.message}"


class ManifestError(Exception):
    """Files that cannot be read or break the schema; each problem on a line."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(item).replace("\n", "\\n") for item in self.problems))


@dataclass(frozen=True)
class Loading:
    """What files hold: the manifests that can be read, and the problems of the others."""

    loaded: list[LoadedManifest]
    problems: list[Problem]


def load_paths(paths: Iterable[Path]) -> list[LoadedManifest]:
    """Every manifest of the files and folders, in the order of their names.

    Raises:
        ManifestError: a path is missing, a document is refused, or two models share a name.
    """
    loading = read_paths(paths)
    if loading.problems:
        raise ManifestError(loading.problems)
    return loading.loaded


def read_paths(paths: Iterable[Path]) -> Loading:
    """The same, with the problems beside the manifests that have none."""
    loaded: list[LoadedManifest] = []
    problems: list[Problem] = []
    for file in _files(paths, problems):
        documents, refused = _load_file(file)
        loaded += documents
        problems += refused
    twice = _duplicates(loaded)
    others = {id(item) for item, _ in twice}
    problems += [problem for _, problem in twice]
    return Loading([item for item in loaded if id(item) not in others], problems)


def _files(paths: Iterable[Path], problems: list[Problem]) -> list[Path]:
    files: list[Path] = []
    for path in paths:
        if os.path.isdir(path):
            files += _files_in(path, problems)
        else:
            files.append(path)
    refused = {problem.file for problem in problems}
    # A file that is named twice, or by its folder too, is one.
    once = {os.path.realpath(file): file for file in reversed(files) if file not in refused}
    return list(reversed(once.values()))


def _files_in(folder: Path, problems: list[Problem]) -> list[Path]:
    """Its manifests, however deep: rglob and os.walk call themselves for each folder."""
    found: list[Path] = []
    folders = [folder]
    while folders:
        try:
            with os.scandir(folders.pop()) as listing:
                entries = list(listing)
        except OSError as error:
            problems.append(_unread(Path(str(error.filename)), f"cannot be read: {error.strerror}"))
            continue
        for entry in entries:
            file = Path(entry.path)
            if entry.is_dir(follow_symlinks=False):
                folders.append(file)
            elif os.path.isdir(entry):
                # One that stays inside shows what is found by itself.
                if not _is_inside(file, folder):
                    problems.append(_unread(file, LEADS_OUT))
            elif file.suffix.lower() in SUFFIXES:
                found.append(file)
                if entry.is_symlink() and not _is_inside(file, folder):
                    problems.append(_unread(file, LEADS_OUT))
    return sorted(found)


def _unread(file: Path, message: str) -> Problem:
    return Problem(file, Position(1, 1), message)


def _is_inside(file: Path, folder: Path) -> bool:
    """Where a link leads; `realpath`, unlike `resolve`, has no error for links in a circle."""
    return Path(os.path.realpath(file)).is_relative_to(os.path.realpath(folder))


def _load_file(file: Path) -> tuple[list[LoadedManifest], list[Problem]]:
    try:
        documents = read_documents(_read(file))
    except NodeError as error:
        return [], [Problem(file, error.position, str(error))]
    if not documents:
        return [], [Problem(file, Position(1, 1), "the file has no document")]
    loaded, problems = [], []
    for document in documents:
        try:
            manifest = Manifest.model_validate(document.value)
        except ValidationError as error:
            problems += _schema_problems(file, document, error)
        else:
            loaded.append(LoadedManifest(manifest, file, document))
    return loaded, problems


def _read(file: Path) -> str:
    try:
        # Not the way a pipe without a writer would be opened: it would wait for ever.
        if not stat.S_ISREG(file.stat().st_mode):
            raise NodeError("not a regular file", Position(1, 1))
        with file.open("rb") as stream:
            content = stream.read(MAXIMUM_BYTES + 1)
    except FileNotFoundError as error:
        raise NodeError("no such file or folder", Position(1, 1)) from error
    except (OSError, ValueError) as error:
        raise NodeError(f"cannot be read: {error}", Position(1, 1)) from error
    if len(content) > MAXIMUM_BYTES:
        raise NodeError(f"larger than {MAXIMUM_BYTES} bytes", Position(1, 1))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8-sig").split("\n")
        raise NodeError("not UTF-8 text", Position(len(before), len(before[-1]) + 1)) from error


def _schema_problems(file: Path, document: Document, error: ValidationError) -> list[Problem]:
    problems = []
    for detail in error.errors(include_url=False):
        path = detail["loc"]
        field = ".".join(map(str, path))
        if detail["type"] == "extra_forbidden":
            message = f"unknown field {field}{_suggestion(path)}"
        elif detail["type"] == "missing":
            message = f"{field} is missing"
        else:
            whole = "" if isinstance(document.value, dict) else "the document "
            message = f"{field}: {wording(detail)}" if field else f"{whole}{wording(detail)}"
        problems.append(Problem(file, document.position(path), message, path))
    return problems


def _suggestion(path: tuple[str | int, ...]) -> str:
    """`, did you mean X?` where the section has a field of nearly that name."""
    section: Any = Manifest
    for step in path[:-1]:
        if isinstance(step, str):
            section = _section_of(section.model_fields[step].annotation)
    near = get_close_matches(str(path[-1]), section.model_fields, n=1)
    return f", did you mean {near[0]}?" if near else ""


def _section_of(annotation: Any) -> Any:
    """The model class in `Model`, `Model | None` or `tuple[Model, ...]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_section_of, get_args(annotation))), None)


def _duplicates(loaded: list[LoadedManifest]) -> list[tuple[LoadedManifest, Problem]]:
    first: dict[str, LoadedManifest] = {}
    problems = []
    for item in loaded:
        name = item.manifest.metadata.name
        other = first.setdefault(name, item)
        if other is not item:
            place: FieldPath = ("metadata", "name")
            line = other.document.position(place).line
            where = f"on line {line}" if other.file == item.file else f"in {other.file}:{line}"
            message = f"model {name!r} is already {where}: a stack has each model once"
            problems.append((item, Problem(item.file, item.document.position(place), message)))
    return problems
