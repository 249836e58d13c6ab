"""The lock of a model's dependencies: one exact version and its hashes for each package."""

import hashlib
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from uv import find_uv_bin

from mlifecycle.process import ToolError, run_tool

RESOLVE_SECONDS = 300
# What the lock is for: the Python and the platform of the base image. Not what serves there, which
# has its own lock: this one is scanned and recorded (docs/decisions/0012).
PYTHON = "3.11"
PLATFORM = "x86_64-manylinux_2_28"
_PINNED = re.compile(r"^([a-z0-9][a-z0-9._-]*)==([^\s;\\]+)", re.MULTILINE)
# How uv says that versions exclude each other, as against a network that does not answer.
_UNSOLVABLE = re.compile(r"No solution found when resolving dependencies")


@dataclass(frozen=True)
class Lock:
    """What dependencies are locked to.

    Attributes:
        text: requirements with hashes, as pip and uv read them; empty where nothing is needed.
        problem: why no versions satisfy all of them together; empty where some do.
        is_kept: whether it is the one that the registry keeps for every run.
    """

    text: str
    problem: str = ""
    is_kept: bool = field(default=False, compare=False)

    @property
    def digest(self) -> str:
        """64 hex digits over what it says."""
        return hashlib.sha256(f"{self.text}\n{self.problem}".encode()).hexdigest()

    @property
    def versions(self) -> dict[str, str]:
        """The version of each package, by canonical name."""
        return dict(_PINNED.findall(self.text))

    @property
    def pins(self) -> tuple[str, ...]:
        """Each as `name==version`."""
        return tuple(f"{name}=={version}" for name, version in self.versions.items())


NO_LOCK = Lock("")


def lock_key(dependencies: Sequence[str]) -> str:
    """64 hex digits that name the lock of dependencies, whatever their order and spelling."""
    parts = sorted({_canonical(text) for text in dependencies})
    return hashlib.sha256("\n".join([PYTHON, PLATFORM, *parts]).encode()).hexdigest()


def _canonical(text: str) -> str:
    requirement = Requirement(text)
    requirement.name = canonicalize_name(requirement.name)
    return str(requirement)


def resolve(dependencies: Sequence[str]) -> Lock:
    """Find the newest versions that satisfy all dependencies; only released wheels are looked at.

    Raises:
        ToolError: uv is missing, takes too long, or has no answer from the package index.
    """
    if not dependencies:
        return NO_LOCK
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "requirements.in").write_text("\n".join(dependencies) + "\n")
        try:
            text = run_tool(
                [
                    *(find_uv_bin(), "pip", "compile", "requirements.in", "--quiet"),
                    *("--python-version", PYTHON, "--python-platform", PLATFORM),
                    *("--only-binary", ":all:", "--generate-hashes", "--no-header"),
                    "--no-annotate",
                ],
                timeout=RESOLVE_SECONDS,
                directory=Path(name),
            )
        except ToolError as error:
            if _UNSOLVABLE.search(str(error)):
                return Lock("", _reason(str(error)))
            raise
    lock = Lock(text)
    if not lock.versions:
        raise ToolError("uv printed a lock that cannot be read")
    return lock


def _reason(message: str) -> str:
    """Why uv found no solution, on one line and without its own words around it."""
    cause = message.partition("cause:")[2].partition("\nhint:")[0] or message
    return " ".join(cause.split())


def unlocked(dependencies: Sequence[str], lock: Lock) -> list[str]:
    """The dependencies that a lock says no version of, or another; a marker may leave one out."""
    return [
        item.name
        for item in map(Requirement, dependencies)
        if not _is_locked(item, lock.versions.get(canonicalize_name(item.name)))
    ]


def _is_locked(requirement: Requirement, version: str | None) -> bool:
    if version is None:
        return requirement.marker is not None
    return requirement.specifier.contains(version, prereleases=True)


def changes(before: Lock, after: Lock) -> list[str]:
    """What is new, gone or of another version, by package."""
    old, new = before.versions, after.versions
    lines = []
    for name in sorted(old.keys() | new.keys()):
        if name not in old:
            lines.append(f"+ {name} {new[name]}")
        elif name not in new:
            lines.append(f"- {name} {old[name]}")
        elif old[name] != new[name]:
            lines.append(f"  {name} {old[name]} -> {new[name]}")
    return lines
