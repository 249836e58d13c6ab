"""Stand-ins for scanners: how the real ones misbehave cannot be provoked with them."""

from pathlib import Path


class FakeTool:
    """Another scanner's stand-in on PATH."""

    def __init__(self, folder: Path, name: str) -> None:
        self._file = folder / name

    def body(self, text: str) -> None:
        self._file.write_text(f"#!/bin/sh\n{text}\n")
        self._file.chmod(0o755)
