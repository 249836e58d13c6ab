"""Manifests from files and folders, every problem with file, line and column."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from mlifecycle.manifest.nodes import Document, NodeError, Position, read_documents
from mlifecycle.manifest.schema import Manifest

MAXIMUM_BYTES = 1_000_000
SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True)
class LoadedManifest:
    """A manifest that passes the schema, and where it stands."""

    manifest: Manifest
    file: Path
    document: Document


@dataclass(frozen=True)
class Problem:
    """One reason why a file is refused."""

    file: Path
    position: Position
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.position.line}:{self.position.column}: {self.message}"


class ManifestError(Exception):
    """Files that cannot be read or break the schema; each problem on a line."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


def load_paths(paths: Iterable[Path]) -> list[LoadedManifest]:
    """Every manifest of the files and folders, in the order of their names.

    Raises:
        ManifestError: a path is missing, a document is refused, or two models share a name.
    """
    loaded: list[LoadedManifest] = []
    problems: list[Problem] = []
    for file in _files(paths, problems):
        documents, refused = _load_file(file)
        loaded += documents
        problems += refused
    problems += _duplicates(loaded)
    if problems:
        raise ManifestError(problems)
    return loaded


def _files(paths: Iterable[Path], problems: list[Problem]) -> list[Path]:
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            files += sorted(file for file in path.rglob("*") if file.suffix in SUFFIXES)
        elif path.is_file():
            files.append(path)
        else:
            problems.append(Problem(path, Position(1, 1), "no such file or folder"))
    return files


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
        with file.open("rb") as stream:
            content = stream.read(MAXIMUM_BYTES + 1)
    except OSError as error:
        raise NodeError(f"cannot be read: {error.strerror}", Position(1, 1)) from error
    if len(content) > MAXIMUM_BYTES:
        raise NodeError(f"larger than {MAXIMUM_BYTES} bytes", Position(1, 1))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise NodeError("not UTF-8 text", Position(line, 1)) from error


def _schema_problems(file: Path, document: Document, error: ValidationError) -> list[Problem]:
    problems = []
    for detail in error.errors(include_url=False):
        path = detail["loc"]
        field = ".".join(map(str, path)) or "the document"
        if detail["type"] == "extra_forbidden":
            message = f"unknown field {field}{_suggestion(path)}"
        elif detail["type"] == "missing":
            message = f"{field} is missing"
        else:
            message = f"{field}: {detail['msg'].removeprefix('Value error, ')}"
        problems.append(Problem(file, document.position(path), message))
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


def _duplicates(loaded: list[LoadedManifest]) -> list[Problem]:
    first: dict[str, LoadedManifest] = {}
    problems = []
    for item in loaded:
        name = item.manifest.metadata.name
        other = first.setdefault(name, item)
        if other is not item:
            message = f"model {name!r} is already in {other.file}: a stack has each model once"
            problems.append(
                Problem(item.file, item.document.position(("metadata", "name")), message)
            )
    return problems
