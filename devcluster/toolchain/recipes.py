"""The catalogue of tools: `tools.toml` read into frozen records and checked.

A group is one wrapper Go module (committed go.mod and go.sum) from which one or more tools are
built; a tool is one file that ends up on PATH. Adding a tool is adding a table there, and a wrapper
module where no group fits.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from devcluster.toolchain.errors import ToolchainError
from devcluster.toolchain.versions import VersionRange

CATALOGUE_FILE = Path(__file__).with_name("tools.toml")
PURPOSES = ("up", "test", "test-full", "benchmarks")


@dataclass(frozen=True)
class ModuleFile:
    """A file inside a published Go module, verified by the module's hash.

    Attributes:
        module: path and version, `example.org/name@v1.2.3`.
        sum: the module's hash as go.sum records it, `h1:...`.
        path: the file, relative to the module's root.
    """

    module: str
    sum: str
    path: str


@dataclass(frozen=True)
class GeneratedFile:
    """A JSON file that a wrapper module embeds: taken from a published module, some keys set."""

    source: ModuleFile
    output: str
    set: Mapping[str, str]


@dataclass(frozen=True)
class Group:
    """One wrapper module: its folder, what else it needs there, and its build's environment."""

    name: str
    directory: Path
    env: Mapping[str, str] = field(default_factory=dict)
    generated: tuple[GeneratedFile, ...] = ()


@dataclass(frozen=True)
class Tool:
    """One tool.

    Attributes:
        package: Go package to build (`.` is the wrapper module's own main), or empty for a script.
        script: the file to install as it is, for a tool that is not built.
        version: the version that is built.
        ldflags: linker flags, `{version}` replaced.
        version_args: arguments that make the tool print its version; None: it is never asked.
        version_pattern: where the version (group 1, if any) stands in what it prints.
        serves: versions of a tool on PATH that are used instead of building.
        search_path: whether a tool on PATH may serve at all.
        beside: a tool that decides: this one is from PATH only if that one is, and is next to it.
        on_path: whether the tool stands in the toolchain's bin folder.
        build_seconds: a cold build on 2 cores, downloads included, for the progress estimate.
        used_by: the purposes that need it.
    """

    name: str
    group: str
    version: str
    package: str
    script: ModuleFile | None
    ldflags: str
    version_args: tuple[str, ...] | None
    version_pattern: str
    serves: VersionRange
    search_path: bool
    beside: str
    on_path: bool
    build_seconds: int
    used_by: tuple[str, ...]


@dataclass(frozen=True)
class Catalogue:
    """All groups and tools by name, in the file's order."""

    groups: Mapping[str, Group]
    tools: Mapping[str, Tool]

    def select(self, purpose: str, only: Iterable[str] | None = None) -> tuple[Tool, ...]:
        """Return the tools that a purpose needs, in build order.

        Args:
            purpose: one of `PURPOSES`.
            only: names to restrict to; what stands beside a named tool comes with it.

        Raises:
            ToolchainError: the purpose or a name is unknown.
        """
        if purpose not in PURPOSES:
            raise ToolchainError(f"unknown purpose {purpose!r}; known: {', '.join(PURPOSES)}")
        if only is None:
            return tuple(tool for tool in self.tools.values() if purpose in tool.used_by)
        names = set(only)
        unknown = sorted(names - set(self.tools))
        if unknown:
            raise ToolchainError(
                f"unknown tool {', '.join(unknown)}; known: {', '.join(sorted(self.tools))}"
            )
        return tuple(t for t in self.tools.values() if t.name in names or t.beside in names)


def load_catalogue(file: Path = CATALOGUE_FILE) -> Catalogue:
    """Read and check a catalogue; wrapper modules are folders relative to it.

    Raises:
        ToolchainError: the file is not TOML, or a table is wrong; the message names table and key.
    """
    try:
        document = tomllib.loads(file.read_text())
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ToolchainError(f"{file}: {error}") from error
    top = _Table(file.name, document, file.parent)
    groups = {name: _group(name, table) for name, table in top.tables("groups")}
    tools = {name: _tool(name, table) for name, table in top.tables("tools")}
    top.finish()
    earlier: set[str] = set()
    for tool in tools.values():
        if tool.group not in groups:
            raise ToolchainError(f"{file.name}: tool {tool.name}: no group {tool.group!r}")
        # Whether the neighbour is on PATH must be known first.
        if tool.beside and tool.beside not in earlier:
            raise ToolchainError(
                f"{file.name}: tool {tool.name}: no tool {tool.beside!r} before it"
            )
        earlier.add(tool.name)
    return Catalogue(groups, tools)


class _Table:
    """One TOML table that is taken apart key by key, so that a wrong or unknown key is an error."""

    def __init__(self, where: str, values: dict[str, Any], folder: Path) -> None:
        self.where = where
        self.folder = folder
        self._values = dict(values)

    def take(self, key: str, kind: type, default: Any = None) -> Any:
        """Remove and return a value of the kind given; without a default it must be there."""
        if key not in self._values:
            if default is None:
                raise ToolchainError(f"{self.where}: {key} is missing")
            return default
        value = self._values.pop(key)
        if type(value) is not kind:
            raise ToolchainError(f"{self.where}: {key} must be a {kind.__name__}, is {value!r}")
        return value

    def has(self, key: str) -> bool:
        return key in self._values

    def strings(self, key: str, default: Iterable[str] | None = None) -> tuple[str, ...]:
        value = self.take(key, list, default and list(default))
        if not all(isinstance(item, str) for item in value):
            raise ToolchainError(f"{self.where}: {key} must be a list of strings, is {value!r}")
        return tuple(value)

    def mapping(self, key: str) -> dict[str, str]:
        value: dict[str, Any] = self.take(key, dict, {})
        if not all(isinstance(item, str) for item in value.values()):
            raise ToolchainError(f"{self.where}: {key} must map to strings, is {value!r}")
        return value

    def tables(self, key: str) -> list[tuple[str, "_Table"]]:
        tables = self.take(key, dict, {})
        return [
            (name, _Table(f"{self.where}: {key}.{name}", values, self.folder))
            for name, values in tables.items()
        ]

    def table(self, key: str) -> "_Table":
        return _Table(f"{self.where}: {key}", self.take(key, dict), self.folder)

    def finish(self) -> None:
        if self._values:
            raise ToolchainError(f"{self.where}: unknown key {', '.join(sorted(self._values))}")


def _group(name: str, table: _Table) -> Group:
    directory = table.folder / table.take("module", str)
    for file in ("go.mod", "go.sum"):
        if not (directory / file).is_file():
            raise ToolchainError(f"{table.where}: {directory / file} is missing")
    generated = tuple(_generated(output, entry) for output, entry in table.tables("generated"))
    group = Group(name, directory, table.mapping("env"), generated)
    table.finish()
    return group


def _generated(output: str, table: _Table) -> GeneratedFile:
    generated = GeneratedFile(_module_file(table), output, table.mapping("set"))
    table.finish()
    return generated


def _module_file(table: _Table) -> ModuleFile:
    source = ModuleFile(table.take("from", str), table.take("sum", str), table.take("path", str))
    if "@v" not in source.module or not source.sum.startswith("h1:"):
        raise ToolchainError(f"{table.where}: needs from = module@version and sum = h1:...")
    return source


def _tool(name: str, table: _Table) -> Tool:
    version = table.take("version", str)
    script = None
    if table.has("script"):
        script_table = table.table("script")
        script = _module_file(script_table)
        script_table.finish()
    asked = table.has("version_args")
    tool = Tool(
        name=name,
        group=table.take("group", str),
        version=version,
        package=table.take("package", str, "" if script else None),
        script=script,
        ldflags=table.take("ldflags", str, "").replace("{version}", version),
        version_args=table.strings("version_args") if asked else None,
        version_pattern=table.take("version_pattern", str, r"v?(\d+\.\d+\.\d+)"),
        serves=_serves(table, version),
        search_path=table.take("search_path", bool, True),
        beside=table.take("beside", str, ""),
        on_path=table.take("on_path", bool, True),
        build_seconds=table.take("build_seconds", int, 1 if script else None),
        used_by=table.strings("used_by"),
    )
    table.finish()
    if set(tool.used_by) - set(PURPOSES):
        raise ToolchainError(f"{table.where}: used_by knows only {', '.join(PURPOSES)}")
    try:
        re.compile(tool.version_pattern)
    except re.error as error:
        raise ToolchainError(f"{table.where}: version_pattern: {error}") from error
    return tool


def _serves(table: _Table, version: str) -> VersionRange:
    try:
        return VersionRange.parse(table.take("serves", str, f"=={version}"))
    except ValueError as error:
        raise ToolchainError(f"{table.where}: serves: {error}") from error
