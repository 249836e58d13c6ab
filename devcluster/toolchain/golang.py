"""The Go command: whether it serves, what it runs with, and running it so that nothing outlives
us.
"""

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from devcluster.toolchain.errors import ToolchainError, UnfitEnvironmentError

MINIMUM_GO = (1, 26)
# Debug information is stripped when linking; not making it at all saves a seventh of the
# compiler's time.
BUILD_FLAGS = ("-mod=readonly", "-trimpath", "-buildvcs=false", "-gcflags=all=-dwarf=false")
# C is never needed, and one setting for everything means that no package is compiled twice.
COMMON_ENV = {
    "CGO_ENABLED": "0",
    "GOTOOLCHAIN": "local",
    "GOWORK": "off",
    # A flag of our own: an empty GOFLAGS lets the user's `go env -w` setting through.
    "GOFLAGS": BUILD_FLAGS[0],
}
# What a user may have set for their own builds and would change ours behind the cache key's back.
_FOREIGN = (
    "GO111MODULE",
    "GOAMD64",
    "GOARM64",
    "GODEBUG",
    "GOEXPERIMENT",
    "GOFIPS140",
)
_REMEDY = (
    "Install Go 1.26 or newer as its vendor says (an archive unpacked to /usr/local/go)"
    " and put its bin folder on PATH."
)
_STILL_SECONDS = 30.0
_GRACE_SECONDS = 5.0
_LAST_LINES = 20


@dataclass(frozen=True)
class Go:
    """A Go command that serves: its path and what `go version` printed."""

    path: str
    version: str

    @classmethod
    def find(cls, environ: Mapping[str, str]) -> "Go":
        """Find Go on PATH.

        Raises:
            UnfitEnvironmentError: there is none, it does not run, or it is older than `MINIMUM_GO`.
        """
        path = shutil.which("go", path=environ.get("PATH", ""))
        if path is None:
            raise UnfitEnvironmentError(
                f"Go is not on PATH; the tools are built with it.\n{_REMEDY}"
            )
        try:
            outcome = subprocess.run(
                [path, "version"],
                env={**environ, **COMMON_ENV},
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            printed = outcome.stdout.strip()
        except (OSError, subprocess.TimeoutExpired) as error:
            raise UnfitEnvironmentError(f"{path} does not run: {error}\n{_REMEDY}") from error
        match = re.search(r"\bgo(\d+)\.(\d+)", printed)
        if match is None:
            raise UnfitEnvironmentError(
                f"{path} does not tell its version: {printed or outcome.stderr.strip()}\n{_REMEDY}"
            )
        if (int(match[1]), int(match[2])) < MINIMUM_GO:
            wanted = ".".join(map(str, MINIMUM_GO))
            raise UnfitEnvironmentError(
                f"{path} is Go {match[1]}.{match[2]}; the tools need {wanted} or newer.\n{_REMEDY}"
            )
        return cls(path, printed)

    def environment(self, environ: Mapping[str, str], extra: Mapping[str, str]) -> dict[str, str]:
        """Return what Go runs with: the user's network and cache settings, our build settings."""
        system, _, architecture = self.version.rsplit(" ", 1)[-1].partition("/")
        kept = {key: value for key, value in environ.items() if key not in _FOREIGN}
        return {
            **kept,
            **COMMON_ENV,
            "GOOS": system,
            "GOARCH": architecture,
            **extra,
        }

    def caches(self, environment: Mapping[str, str]) -> tuple[Path, Path]:
        """Return Go's module cache and build cache."""
        outcome = subprocess.run(
            [self.path, "env", "GOMODCACHE", "GOCACHE"],
            env=dict(environment),
            capture_output=True,
            text=True,
            check=False,
        )
        lines = outcome.stdout.splitlines()
        if outcome.returncode != 0 or len(lines) != 2:
            raise UnfitEnvironmentError(f"go env fails: {outcome.stderr.strip()}")
        return Path(lines[0]), Path(lines[1])


def run_go(
    argv: list[str],
    folder: Path,
    environment: Mapping[str, str],
    log: Path,
    still: Callable[[float, str], None],
) -> None:
    """Run a Go command to its end, all its output in a log.

    Args:
        argv: the command.
        folder: where it runs.
        environment: all that it sees.
        log: the file that its output is appended to.
        still: called every 30 s with the seconds so far and the log's last line.

    Raises:
        ToolchainError: it failed; the message has its last lines and names the log.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    with log.open("ab") as output:
        process = start_bound(argv, folder, environment, output)
        try:
            while True:
                try:
                    code = process.wait(_STILL_SECONDS)
                    break
                except subprocess.TimeoutExpired:
                    still(time.monotonic() - start, (_last_lines(log, 1) or [""])[-1])
        except BaseException:
            stop(process)
            raise
    if code != 0:
        lines = "\n".join(f"    {line}" for line in _last_lines(log, _LAST_LINES))
        raise ToolchainError(
            f"{' '.join(argv[:2])} ended with {code}:\n{lines}\nThe whole log: {log}"
        )


def start_bound(
    argv: list[str], folder: Path, environment: Mapping[str, str], output: IO[bytes]
) -> "subprocess.Popen[bytes]":
    """Start a command in a process group of its own that also ends when we are killed outright."""
    # SIGKILL leaves us no moment to stop the build; the kernel can (util-linux is on every Debian).
    setpriv = shutil.which("setpriv", path=environment.get("PATH", ""))
    bound = [setpriv, "--pdeathsig", "TERM"] if setpriv else []
    return subprocess.Popen(
        [*bound, *argv],
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def stop(process: "subprocess.Popen[bytes]") -> None:
    """End a process group: politely, then after 5 s for good."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            break
        try:
            process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            continue
    process.wait()


def _last_lines(log: Path, count: int) -> list[str]:
    with log.open("rb") as content:
        content.seek(0, os.SEEK_END)
        content.seek(max(0, content.tell() - 16384))
        lines = content.read().decode(errors="replace").splitlines()
    telling = [line for line in lines if not line.startswith("go: downloading ")]
    return (telling if count > 1 and telling else lines)[-count:]
