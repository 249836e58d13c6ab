"""Digests over folders of our own code."""

import hashlib
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
