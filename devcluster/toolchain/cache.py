"""The folder that holds the built tools: its layout, keys, records and locks.

    <cache>/mlifecycle/tools/
        <group>-<key>/bin/<tool>             a built tool, put there by one rename
        <group>-<key>/records/<tool>.json    what that file was when it was put there
        <group>-<key>/.build-*/              a build under way
        locks/  logs/                        one per group and key
        bin-<hash>/                          one folder for PATH
        path-versions.json                   versions of tools found on PATH

The key is over everything that decides what the build gives, so a second checkout with the same
wrapper modules builds nothing, and a changed one never sees a stale tool. Nothing here is removed
by itself; all of it may be deleted at any time.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from devcluster.toolchain.errors import UnfitEnvironmentError
from devcluster.toolchain.recipes import Group, Tool

Report = Callable[[str], None]

_LOCK_POLL_SECONDS = 0.2
_LOCK_REMINDER_SECONDS = 30.0


def cache_root(environ: Mapping[str, str]) -> Path:
    """Return the folder of all built tools, by the XDG base directory specification."""
    base = environ.get("XDG_CACHE_HOME", "")
    # The specification says that a relative path is to be ignored.
    folder = Path(base) if Path(base).is_absolute() else Path.home() / ".cache"
    return folder / "mlifecycle" / "tools"


def group_key(group: Group, tools: tuple[Tool, ...], go_version: str, flags: object) -> str:
    """Return 16 hex digits over all that decides what a group's build gives.

    Args:
        group: its wrapper module's files and its recipe are hashed.
        tools: all tools of the group, needed now or not, so that every purpose shares one key.
        go_version: the output of `go version`, which names Go's operating system and architecture.
        flags: the build flags that all groups share.
    """
    digest = hashlib.sha256()
    recipe: list[Any] = [go_version, flags, group.name, sorted(group.env.items())]
    recipe += [asdict(generated) for generated in group.generated]
    # Not the estimate, nor who uses a tool: changing those must not build anything.
    recipe += [
        [tool.name, tool.version, tool.package, tool.ldflags, tool.script and asdict(tool.script)]
        for tool in tools
    ]
    digest.update(json.dumps(recipe, sort_keys=True).encode())
    for file in sorted(path for path in group.directory.rglob("*") if path.is_file()):
        content = file.read_bytes()
        name = file.relative_to(group.directory).as_posix()
        digest.update(f"\n{name} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()[:16]


@dataclass(frozen=True)
class GroupFolder:
    """The cache folder of one group at one key."""

    root: Path
    group: str
    key: str

    @property
    def path(self) -> Path:
        return self.root / f"{self.group}-{self.key}"

    @property
    def lock_file(self) -> Path:
        return self.root / "locks" / f"{self.group}-{self.key}.lock"

    def log_file(self, tool: str) -> Path:
        return self.root / "logs" / f"{self.group}-{self.key}-{tool}.log"

    def binary(self, tool: str) -> Path:
        return self.path / "bin" / tool

    def holds(self, tool: str) -> bool:
        """Say whether the tool is there and is the file that was built.

        Equal size and modification time are trusted, which keeps a warm run fast; when they differ
        the content is hashed, so a copied or touched cache still serves and a changed or torn file
        does not.
        """
        binary = self.binary(tool)
        try:
            record = json.loads(self._record_file(tool).read_text())
            stat = binary.stat()
            if not os.access(binary, os.X_OK):
                return False
            if (stat.st_size, stat.st_mtime_ns) == (record["size"], record["mtime_ns"]):
                return True
            if stat.st_size != record["size"] or sha256(binary) != record["sha256"]:
                return False
        except (OSError, ValueError, KeyError, TypeError):
            return False
        # Only the modification time differs: note the new one so that the next run need not hash.
        with contextlib.suppress(OSError):
            write_json(self._record_file(tool), {**record, "mtime_ns": stat.st_mtime_ns})
        return True

    def put(self, tool: str, built: Path) -> None:
        """Move a finished file into place; a reader sees the old file or the new one, whole."""
        built.chmod(0o755)
        with built.open("rb") as file:
            # The record vouches for the content, so the content must reach the disk first.
            os.fsync(file.fileno())
        stat = built.stat()
        record = {"sha256": sha256(built), "size": stat.st_size, "mtime_ns": stat.st_mtime_ns}
        self.binary(tool).parent.mkdir(parents=True, exist_ok=True)
        self._record_file(tool).parent.mkdir(parents=True, exist_ok=True)
        # Killed between the two, the record is missing or does not match: the tool is built again.
        built.replace(self.binary(tool))
        write_json(self._record_file(tool), record)

    def _record_file(self, tool: str) -> Path:
        return self.path / "records" / f"{tool}.json"

    @contextlib.contextmanager
    def locked(self, report: Report) -> Iterator[None]:
        """Hold the group's lock; say so when another run has it. It ends with the process."""
        self.lock_file.parent.mkdir(parents=True, exist_ok=True)
        with self.lock_file.open("w") as file:
            _lock(file, self.group, report)
            yield


def _lock(file: IO[str], group: str, report: Report) -> None:
    waited_since = time.monotonic()
    reminded = None
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            now = time.monotonic()
            if reminded is None:
                report(f"another run is building {group}, waiting")
                reminded = now
            elif now - reminded >= _LOCK_REMINDER_SECONDS:
                report(f"still waiting for the other run's {group} ... {now - waited_since:.0f} s")
                reminded = now
            time.sleep(_LOCK_POLL_SECONDS)


def sha256(file: Path) -> str:
    """Return the hex digest of a file's content."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def write_json(file: Path, value: object) -> None:
    """Write a JSON file by rename, so that no reader ever sees half of it."""
    handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}-")
    try:
        with os.fdopen(handle, "w") as output:
            json.dump(value, output, sort_keys=True)
        Path(temporary).replace(file)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def make_writable(root: Path) -> None:
    """Create the cache folder.

    Raises:
        UnfitEnvironmentError: it cannot be created or written to.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=root):
            pass
    except OSError as error:
        raise UnfitEnvironmentError(
            f"the tool cache {root} cannot be written: {error.strerror}.\n"
            "Make it writable, or set XDG_CACHE_HOME to a folder that is."
        ) from error
