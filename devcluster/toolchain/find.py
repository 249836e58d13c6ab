"""Finds tools on PATH and asks each for its version, once per file.

What is found is used only at a version that serves; a tool that does not is reported and left
alone. A tool inside our own cache never counts as found: only the cache's records vouch for those.
"""

import contextlib
import json
import os
import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from devcluster.toolchain.cache import Report, write_json
from devcluster.toolchain.recipes import Tool

# A cold disk and a tool that is a Python script behind a shim take a few seconds.
_VERSION_TIMEOUT_SECONDS = 20


@dataclass(frozen=True)
class Found:
    """A tool on PATH at a version that serves."""

    path: Path
    version: str


def find_on_path(
    tools: Iterable[Tool], environ: Mapping[str, str], cache: Path, report: Report
) -> dict[str, Found]:
    """Return the tools that PATH provides; report those that are there but do not serve.

    Args:
        tools: what to look for; a tool with `beside` is judged after the one it stands beside.
        environ: gives PATH, and is what the tools run with when they are asked.
        cache: the tool cache, whose own folders are passed over.
        report: called with one line per tool that does not serve.
    """
    answers = _Answers(cache / "path-versions.json", environ)
    folders = [
        Path(folder)
        for folder in environ.get("PATH", "").split(os.pathsep)
        if Path(folder).is_absolute() and not Path(folder).is_relative_to(cache)
    ]
    found: dict[str, Found] = {}
    for tool in tools:
        if tool.beside:
            neighbour = found.get(tool.beside)
            path = neighbour and _next_to(neighbour.path, tool.name)
            if neighbour and path:
                found[tool.name] = Found(path, neighbour.version)
        elif tool.search_path and tool.version_args is not None:
            for path in _candidates(tool.name, folders, cache):
                version = answers.version(tool, path)
                if tool.serves.contains(version):
                    found[tool.name] = Found(path, version)
                    break
                what = f"is {version}" if version else "did not tell its version"
                report(f"not used: {path} {what}, wanted {tool.serves.text}")
    answers.save()
    return found


def ask_version(
    tool: Tool, path: Path, environ: Mapping[str, str], timeout: float = _VERSION_TIMEOUT_SECONDS
) -> str:
    """Run a tool's version command and return the version, or an empty string if it gives none.

    A pattern without a group finds no version: if it matches, the tool's own is returned.
    """
    if tool.version_args is None:
        return ""
    try:
        outcome = subprocess.run(
            [str(path), *tool.version_args],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout,
            env=dict(environ),
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    match = re.search(tool.version_pattern, outcome.stdout.decode(errors="replace"))
    if match is None:
        return ""
    return match[1] if match.re.groups else tool.version


def _candidates(name: str, folders: list[Path], cache: Path) -> Iterable[Path]:
    seen: set[Path] = set()
    for folder in folders:
        path = folder / name
        if not path.is_file() or not os.access(path, os.X_OK):
            continue
        real = path.resolve()
        if real not in seen and not real.is_relative_to(cache):
            seen.add(real)
            yield path


def _next_to(neighbour: Path, name: str) -> Path | None:
    # The neighbour looks beside its real file, as Pulumi does, and not beside a link to it.
    path = neighbour.resolve().with_name(name)
    return path if path.is_file() and os.access(path, os.X_OK) else None


@dataclass
class _Answers:
    """The versions that tools gave earlier, valid while the file behind the path is the same."""

    file: Path
    environ: Mapping[str, str]
    entries: dict[str, Any] = field(default_factory=dict)
    changed: bool = False

    def __post_init__(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            loaded = json.loads(self.file.read_text())
            self.entries = loaded if isinstance(loaded, dict) else {}

    def version(self, tool: Tool, path: Path) -> str:
        stat = path.stat()
        state = [
            stat.st_size,
            stat.st_mtime_ns,
            list(tool.version_args or ()),
            tool.version_pattern,
        ]
        entry = self.entries.get(str(path))
        if isinstance(entry, dict) and entry.get("state") == state:
            return str(entry["version"])
        version = ask_version(tool, path, self.environ)
        # No answer may be a slow machine's timeout: ask again next time.
        if version:
            self.entries[str(path)] = {"state": state, "version": version}
            self.changed = True
        return version

    def save(self) -> None:
        if self.changed:
            # A cache that cannot be written costs time only; building says so when it matters.
            with contextlib.suppress(OSError):
                self.file.parent.mkdir(parents=True, exist_ok=True)
                write_json(self.file, self.entries)
