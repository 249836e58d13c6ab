"""Provides every tool that a purpose needs: from PATH, from the cache, or by building it."""

import contextlib
import hashlib
import os
import signal
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from devcluster.toolchain.build import LINK_FLAGS, GroupBuild, Progress, build_group
from devcluster.toolchain.cache import (
    GroupFolder,
    Report,
    cache_root,
    group_key,
    make_writable,
)
from devcluster.toolchain.find import Found, find_on_path
from devcluster.toolchain.golang import BUILD_FLAGS, COMMON_ENV, Go
from devcluster.toolchain.prefetch import prefetching
from devcluster.toolchain.preflight import (
    COLD_BUILD_GIB,
    COLD_MODULES_GIB,
    COLD_TOOLS_GIB,
    check_disk,
)
from devcluster.toolchain.recipes import Catalogue, Tool, load_catalogue


@dataclass(frozen=True)
class ProvidedTool:
    """One tool that is ready to run.

    Attributes:
        name: its name and file name.
        version: the version that it says it is.
        origin: `PATH`, `cached` or `built`.
        path: the file to run.
        seconds: how long this run built it; 0 if it did not.
    """

    name: str
    version: str
    origin: str
    path: Path
    seconds: float = 0.0


@dataclass(frozen=True)
class Toolchain:
    """The tools of one purpose.

    Attributes:
        bin_dir: one folder to put first on PATH; it holds all but Pulumi's resource providers.
        paths: the file to run, by tool name; for a resource provider, what to install as a plugin.
        tools: the same with version and origin, in the catalogue's order.
    """

    bin_dir: Path
    paths: Mapping[str, Path]
    tools: tuple[ProvidedTool, ...]


def ensure_tools(
    purpose: str,
    *,
    only: Iterable[str] | None = None,
    report: Report,
    catalogue: Catalogue | None = None,
) -> Toolchain:
    """Provide the tools of a purpose, building what neither PATH nor the cache has.

    Args:
        purpose: `up`, `test` or `test-full`.
        only: names of tools to restrict to.
        report: called with one line of progress at a time.
        catalogue: what is known about tools; by default `tools.toml`.

    Raises:
        ToolchainError: a tool could not be built.
        UnfitEnvironmentError: the machine cannot build: Go, disk space or the cache folder.
    """
    catalogue = catalogue or load_catalogue()
    tools = catalogue.select(purpose, only)
    environ = dict(os.environ)
    root = cache_root(environ)
    found = find_on_path(tools, environ, root, report)
    missing = tuple(tool for tool in tools if tool.name not in found)
    built: dict[str, float] = {}
    folders: dict[str, GroupFolder] = {}
    if missing:
        go = Go.find(environ)
        folders = _folders(catalogue, missing, root, go)
        builds = _builds(catalogue, missing, folders)
        if builds:
            with _terminable():
                built = _build(
                    builds, catalogue, root, go, environ, report=report, found=len(found)
                )
    provided = tuple(_provided(tool, found, folders, built) for tool in tools)
    make_writable(root)
    return _linked(root, tools, provided)


def _folders(
    catalogue: Catalogue, missing: Iterable[Tool], root: Path, go: Go
) -> dict[str, GroupFolder]:
    folders = {}
    for name in dict.fromkeys(tool.group for tool in missing):
        members = tuple(tool for tool in catalogue.tools.values() if tool.group == name)
        flags = [*BUILD_FLAGS, LINK_FLAGS, COMMON_ENV]
        key = group_key(catalogue.groups[name], members, go.version, flags)
        folders[name] = GroupFolder(root, name, key)
    return folders


def _builds(
    catalogue: Catalogue, missing: Iterable[Tool], folders: Mapping[str, GroupFolder]
) -> list[GroupBuild]:
    lacking: dict[str, list[Tool]] = {}
    for tool in missing:
        if not folders[tool.group].holds(tool.name):
            lacking.setdefault(tool.group, []).append(tool)
    return [
        GroupBuild(catalogue.groups[name], folders[name], tuple(tools))
        for name, tools in lacking.items()
    ]


def _build(
    builds: list[GroupBuild],
    catalogue: Catalogue,
    root: Path,
    go: Go,
    environ: Mapping[str, str],
    *,
    report: Report,
    found: int,
) -> dict[str, float]:
    make_writable(root)
    tools = [tool for build in builds for tool in build.tools]
    seconds = sum(tool.build_seconds for tool in tools)
    share = seconds / sum(tool.build_seconds for tool in catalogue.tools.values())
    modules, compiled = go.caches(go.environment(environ, {}))
    check_disk(
        {
            modules: COLD_MODULES_GIB * share,
            compiled: COLD_BUILD_GIB * share,
            root: COLD_TOOLS_GIB * share,
        }
    )
    report(
        f"{len(tools)} to build, {found} from PATH; about {max(1, round(seconds / 60))} min if"
        f" nothing is downloaded or compiled yet (an interrupted run resumes); cache: {root}"
    )
    progress = Progress(report, len(tools), seconds)
    built: dict[str, float] = {}
    with prefetching(builds[1:], go, environ, root / "logs" / "prefetch.log"):
        for build in builds:
            built |= build_group(build, go, environ, progress)
    return built


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """Turn SIGTERM into an exception, so that a build is stopped and cleaned up as by Ctrl-C."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    previous = signal.getsignal(signal.SIGTERM)
    if previous is not signal.SIG_DFL:
        # The caller has a way to end of its own.
        yield
        return
    signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def _provided(
    tool: Tool,
    found: Mapping[str, Found],
    folders: Mapping[str, GroupFolder],
    built: Mapping[str, float],
) -> ProvidedTool:
    if tool.name in found:
        hit = found[tool.name]
        return ProvidedTool(tool.name, hit.version, "PATH", hit.path)
    path = folders[tool.group].binary(tool.name)
    if tool.name in built:
        return ProvidedTool(tool.name, tool.version, "built", path, built[tool.name])
    return ProvidedTool(tool.name, tool.version, "cached", path)


def _linked(root: Path, tools: Iterable[Tool], provided: tuple[ProvidedTool, ...]) -> Toolchain:
    """Make the bin folder of exactly these files, and point the tools that are in it there."""
    on_path = {tool.name for tool in tools if tool.on_path}
    mapping = sorted((tool.name, str(tool.path)) for tool in provided if tool.name in on_path)
    digest = hashlib.sha256(repr(mapping).encode()).hexdigest()[:16]
    bin_dir = root / f"bin-{digest}"
    bin_dir.mkdir(exist_ok=True)
    paths = {}
    for tool in provided:
        paths[tool.name] = tool.path
        if tool.name in on_path:
            link = bin_dir / tool.name
            _link(tool.path, link, symbolic=tool.origin == "PATH")
            paths[tool.name] = link if tool.origin != "PATH" else tool.path
    return Toolchain(bin_dir, paths, provided)


def _link(target: Path, link: Path, *, symbolic: bool) -> None:
    """Make a link by rename unless it is there already; two runs may do so at once.

    Our own tools are linked hard: Pulumi and its language host look for their companions beside
    their real file, which must therefore be in this one folder.
    """
    with contextlib.suppress(OSError):
        if link.samefile(target) and link.is_symlink() == symbolic:
            return
    temporary = link.with_name(f".{link.name}-{os.getpid()}-{time.monotonic_ns()}")
    if symbolic:
        temporary.symlink_to(target)
    else:
        os.link(target, temporary)
    temporary.replace(link)
