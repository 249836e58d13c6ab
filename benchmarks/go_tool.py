"""A program of somebody else's, built from its Go module into the cache."""

import hashlib
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from devcluster.toolchain.build import LINK_FLAGS
from devcluster.toolchain.golang import BUILD_FLAGS, Go, run_go


@dataclass(frozen=True)
class GoTool:
    """A program, of the version that a `go.mod` names.

    Attributes:
        folder: which holds `go.mod` and `go.sum`.
        module: that has the version.
        package: that is built.
    """

    folder: Path
    module: str
    package: str

    @property
    def version(self) -> str:
        """As go.mod has it; a build from another module's folder does not know its own."""
        match = re.search(rf"{self.module} (v\S+)", (self.folder / "go.mod").read_text())
        return match[1] if match else "unknown"

    def ensure(self) -> Path:
        """The program, built if this version is not in the cache yet.

        Raises:
            UnfitEnvironmentError: there is no Go that can build it.
            ToolchainError: the build failed.
        """
        sums = b"".join((self.folder / name).read_bytes() for name in ("go.mod", "go.sum"))
        name = self.package.rpartition("/")[2]
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        digest = hashlib.sha256(sums).hexdigest()[:16]
        program = cache / "mlifecycle" / "benchmarks" / f"{name}-{digest}" / name
        if not program.exists():
            self._build(program)
        return program

    def _build(self, program: Path) -> None:
        _say(f"building {program.name}, which takes some minutes")
        go = Go.find(os.environ)
        # A build that is interrupted leaves no program behind.
        unfinished = program.with_name("unfinished")
        flags = [*BUILD_FLAGS, f"-ldflags={LINK_FLAGS}", "-o", str(unfinished)]
        run_go(
            [go.path, "build", *flags, self.package],
            self.folder,
            go.environment(os.environ, {}),
            program.with_name("build.log"),
            lambda seconds, line: _say(f"{seconds:.0f} s: {line}"),
        )
        unfinished.rename(program)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
