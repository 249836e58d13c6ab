"""Content that would run code, and the archives around it."""

import io
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from mlifecycle.security.model_files.judgement import judge


class Payload:
    """Runs a command when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"touch {self.marker}",)


def zipped(content: bytes, name: str = "archive/data.pkl") -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return stream.getvalue()


def tarred(content: bytes) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        entry = tarfile.TarInfo("pickle")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


def refusal_of(content: bytes, format_name: str) -> str:
    """What the judge of a format says against a content."""
    return judge(content, format_name).refusal


def rezipped(
    content: bytes,
    changes: dict[str, bytes | None],
    method: int = zipfile.ZIP_STORED,
) -> bytes:
    """An archive with other files: a new content by name, None to leave one out."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(stream, "w", method) as new:
        for name in old.namelist():
            kept = changes.get(name, old.read(name))
            if kept is not None:
                new.writestr(name, kept)
        for name, added in changes.items():
            if added is not None and name not in old.namelist():
                new.writestr(name, added)
    return stream.getvalue()
