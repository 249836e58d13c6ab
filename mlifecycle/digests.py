"""Digests over folders."""

import hashlib
import os
from pathlib import Path


def folder_digest(folder: Path) -> str:
    """64 hex digits over every file of a folder, its name and content; caches are left out."""
    digest = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = file.relative_to(folder)
        if not any(part == "__pycache__" or part.endswith("_cache") for part in name.parts):
            content = hashlib.sha256(file.read_bytes()).hexdigest()
            digest.update(f"{content}  {name}\n".encode())
    return digest.hexdigest()


def whole_digest(folder: Path) -> str:
    """64 hex digits over all that a folder holds: names, modes, contents, where links lead."""
    lines = []
    for path in folder.rglob("*"):
        if path.is_symlink():
            content = f"link to {os.readlink(path)}"
        elif path.is_file():
            with path.open("rb") as stream:
                content = hashlib.file_digest(stream, "sha256").hexdigest()
        else:
            content = "no file"
        lines.append(f"{path.lstat().st_mode:o} {content}  {path.relative_to(folder)}\n")
    return hashlib.sha256("".join(sorted(lines)).encode(errors="surrogateescape")).hexdigest()
