"""conftest, built from its Go module into the cache: the version that `conftest/go.mod` names."""

import hashlib
import os
import re
import sys
from pathlib import Path

from devcluster.toolchain.build import LINK_FLAGS
from devcluster.toolchain.golang import BUILD_FLAGS, Go, run_go

MODULE = Path(__file__).with_name("conftest")
PACKAGE = "github.com/open-policy-agent/conftest"


def conftest_version() -> str:
    """As go.mod has it; a build from another module's folder does not know its own."""
    match = re.search(rf"{PACKAGE} (v\S+)", (MODULE / "go.mod").read_text())
    return match[1] if match else "unknown"


def ensure_conftest() -> Path:
    """The program, built if this version is not in the cache yet.

    Raises:
        UnfitEnvironmentError: there is no Go that can build it.
        ToolchainError: the build failed.
    """
    sums = b"".join((MODULE / name).read_bytes() for name in ("go.mod", "go.sum"))
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = (
        cache / "mlifecycle" / "benchmarks" / f"conftest-{hashlib.sha256(sums).hexdigest()[:16]}"
    )
    program = folder / "conftest"
    if not program.exists():
        _build(program)
    return program


def _build(program: Path) -> None:
    _say("building conftest, which takes some minutes")
    go = Go.find(os.environ)
    # A build that is interrupted leaves no program behind.
    unfinished = program.with_name("unfinished")
    run_go(
        [go.path, "build", *BUILD_FLAGS, f"-ldflags={LINK_FLAGS}", "-o", str(unfinished), PACKAGE],
        MODULE,
        go.environment(os.environ, {}),
        program.with_name("build.log"),
        lambda seconds, line: _say(f"{seconds:.0f} s: {line}"),
    )
    unfinished.rename(program)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
