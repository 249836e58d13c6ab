"""Downloads the modules of later groups while an earlier one compiles.

Downloading waits for the network and compiling for the processor, so doing both at once saves the
downloads' time. It is only a head start: whatever fails here is tried again, and told, by the build
itself.
"""

import contextlib
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from devcluster.toolchain.build import GroupBuild
from devcluster.toolchain.golang import BUILD_FLAGS, Go, start_bound, stop


@contextlib.contextmanager
def prefetching(
    builds: Sequence[GroupBuild], go: Go, environ: Mapping[str, str], log: Path
) -> Iterator[None]:
    """Download, in order and in the background, what the builds import, until the block ends."""
    prefetch = _Prefetch(builds, go, environ, log)
    prefetch.start()
    try:
        yield
    finally:
        prefetch.end()


class _Prefetch(threading.Thread):
    def __init__(
        self, builds: Sequence[GroupBuild], go: Go, environ: Mapping[str, str], log: Path
    ) -> None:
        super().__init__(name="prefetch", daemon=True)
        self._builds = builds
        self._go = go
        self._environ = environ
        self._log = log
        self._lock = threading.Lock()
        self._ended = False
        self._process: subprocess.Popen[bytes] | None = None

    def run(self) -> None:
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("wb") as output:
            for build in self._builds:
                packages = sorted({tool.package for tool in build.tools if tool.package})
                if not packages:
                    continue
                # Listing with all dependencies downloads exactly what a build will import. `-e`:
                # files that the build embeds do not exist in the wrapper module itself.
                argv = [
                    self._go.path,
                    "list",
                    BUILD_FLAGS[0],
                    "-e",
                    "-deps",
                    "-f",
                    '{{""}}',
                    *packages,
                ]
                environment = self._go.environment(self._environ, build.group.env)
                with self._lock:
                    if self._ended:
                        return
                    self._process = start_bound(argv, build.group.directory, environment, output)
                self._process.wait()

    def end(self) -> None:
        with self._lock:
            self._ended = True
            process = self._process
        if process is not None and process.poll() is None:
            stop(process)
        self.join()
