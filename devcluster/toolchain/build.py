"""Builds the tools of one group from its wrapper module into the cache.

All happens in a copy of the wrapper module inside the cache, so the checkout is never written to.
Each tool is put in place by itself: what an interrupted run finished is kept, and what it had
compiled is in Go's own build cache.
"""

import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devcluster.toolchain.cache import GroupFolder, Report
from devcluster.toolchain.errors import ToolchainError
from devcluster.toolchain.find import ask_version
from devcluster.toolchain.golang import BUILD_FLAGS, Go, run_go
from devcluster.toolchain.recipes import Group, ModuleFile, Tool

_WORK_PREFIX = ".build-"
LINK_FLAGS = "-s -w"


@dataclass(frozen=True)
class GroupBuild:
    """What is to be built of one group."""

    group: Group
    folder: GroupFolder
    tools: tuple[Tool, ...]


@dataclass
class Progress:
    """Where a run stands, in tools and in expected seconds."""

    report: Report
    total_tools: int
    total_seconds: int
    tools: int = 0
    seconds: int = 0

    def begin(self, tool: Tool) -> None:
        self.tools += 1
        done = f"{_minutes(self.seconds)} of {_minutes(self.total_seconds)} min done"
        self.report(f"{self._place(tool)}: building (about {tool.build_seconds} s, {done})")

    def end(self, tool: Tool, what: str) -> None:
        self.seconds += tool.build_seconds
        self.report(f"{self._place(tool)}: {what}")

    def still(self, tool: Tool) -> Callable[[float, str], None]:
        def report(seconds: float, line: str) -> None:
            doing = ", downloading modules" if line.startswith("go: downloading ") else ""
            self.report(f"still building {tool.name} ... {seconds:.0f} s{doing}")

        return report

    def _place(self, tool: Tool) -> str:
        return f"[{self.tools}/{self.total_tools}] {tool.name} {tool.version}"


def build_group(
    build: GroupBuild, go: Go, environ: Mapping[str, str], progress: Progress
) -> dict[str, float]:
    """Build what the cache lacks of one group.

    Returns:
        Seconds per tool that this run built; a tool that another run built meanwhile is not in it.

    Raises:
        ToolchainError: a download or a build failed, or a built tool is not what its recipe says.
    """
    built: dict[str, float] = {}
    with build.folder.locked(progress.report):
        _remove_leftovers(build.folder)
        missing = [tool for tool in build.tools if not build.folder.holds(tool.name)]
        for tool in build.tools:
            if tool not in missing:
                progress.tools += 1
                progress.end(tool, "another run built it")
        if not missing:
            return built
        build.folder.path.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=_WORK_PREFIX, dir=build.folder.path))
        try:
            workshop = _Workshop(build, go, environ, work)
            for tool in missing:
                progress.begin(tool)
                start = time.monotonic()
                build.folder.put(tool.name, workshop.make(tool, progress.still(tool)))
                built[tool.name] = time.monotonic() - start
                progress.end(tool, f"built in {built[tool.name]:.0f} s")
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return built


class _Workshop:
    """A copy of a wrapper module with what it embeds, in which its tools are built."""

    def __init__(self, build: GroupBuild, go: Go, environ: Mapping[str, str], work: Path) -> None:
        self._build = build
        self._go = go
        self._module = work / "module"
        self._output = work / "output"
        self._downloads = work / "downloads"
        self._environ = environ
        # Go's own temporary files go where the next run cleans up, should this one be killed.
        temporary = work / "tmp"
        self._environment = go.environment(environ, {"GOTMPDIR": str(temporary), **build.group.env})
        for folder in (temporary, self._output, self._downloads):
            folder.mkdir()
        # A module of its own, so that a download adds its hash to no go.sum that counts.
        (self._downloads / "go.mod").write_text("module downloads\n")
        shutil.copytree(build.group.directory, self._module)
        self._generated = False

    def make(self, tool: Tool, still: Callable[[float, str], None]) -> Path:
        """Make one tool and return the file, checked to run at its version."""
        output = self._output / tool.name
        if tool.script:
            output.write_bytes(self._module_file(tool.script).read_bytes())
            return output
        self._generate()
        log = self._build.folder.log_file(tool.name)
        log.unlink(missing_ok=True)
        run_go(
            [
                self._go.path,
                "build",
                *BUILD_FLAGS,
                f"-ldflags={LINK_FLAGS} {tool.ldflags}".rstrip(),
                f"-o={output}",
                tool.package,
            ],
            self._module,
            self._environment,
            log,
            still,
        )
        self._check(tool, output)
        return output

    def _check(self, tool: Tool, output: Path) -> None:
        if tool.version_args is None:
            return
        version = ask_version(tool, output, self._environ)
        if version != tool.version:
            raise ToolchainError(
                f"{tool.name} was built but says {version or 'no version'} instead of"
                f" {tool.version}: its recipe in tools.toml and its wrapper module do not agree"
            )

    def _generate(self) -> None:
        if self._generated:
            return
        for generated in self._build.group.generated:
            content: dict[str, Any] = json.loads(self._module_file(generated.source).read_text())
            content.update(generated.set)
            (self._module / generated.output).write_text(json.dumps(content, separators=(",", ":")))
        self._generated = True

    def _module_file(self, source: ModuleFile) -> Path:
        """Fetch a published module and return one of its files, verified by the module's hash."""
        path = source.module.partition("@")[0]
        outcome = subprocess.run(
            [self._go.path, "mod", "download", "-json", source.module],
            cwd=self._downloads,
            # Some modules are not in the checksum database; the hash in tools.toml verifies them.
            env={**self._environment, "GONOSUMDB": path},
            capture_output=True,
            text=True,
            check=False,
        )
        try:
            answer = json.loads(outcome.stdout)
        except ValueError:
            answer = {}
        if outcome.returncode != 0 or "Dir" not in answer:
            reason = answer.get("Error") or outcome.stderr.strip()
            raise ToolchainError(f"cannot download {source.module}: {reason}")
        if answer.get("Sum") != source.sum:
            raise ToolchainError(
                f"{source.module} has the hash {answer.get('Sum')} instead of {source.sum}:"
                " it is not what was reviewed and is not used"
            )
        return Path(answer["Dir"]) / source.path


def _remove_leftovers(folder: GroupFolder) -> None:
    # We hold the lock, so a build folder that is there belongs to a run that was killed.
    for leftover in folder.path.glob(f"{_WORK_PREFIX}*"):
        shutil.rmtree(leftover, ignore_errors=True)


def _minutes(seconds: int) -> int:
    return round(seconds / 60)
