"""Running a command, and the most memory that it and all that it started held at once."""

import contextlib
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from benchmarks.measure import CommandFailed, Run

# Seldom enough to cost nothing that counts, and often enough for tools that run for a second.
INTERVAL_SECONDS = 0.2


def watched(
    command: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> tuple[Run, str]:
    """A command's wall time and peak memory (the sum of resident sets), and what it printed.

    Raises:
        CommandFailed: it ended with another code than 0.
    """
    started = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=dict(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    ended, peaks = threading.Event(), [0]
    sampler = threading.Thread(target=_sample, args=(process.pid, ended, peaks))
    sampler.start()
    output, errors = process.communicate()
    seconds = time.perf_counter() - started
    ended.set()
    sampler.join()
    if process.returncode:
        raise CommandFailed(output + errors)
    return Run(seconds, peaks[0] / 1024**2), output


def _sample(process: int, ended: threading.Event, peaks: list[int]) -> None:
    while not ended.wait(INTERVAL_SECONDS):
        held = 0
        with contextlib.suppress(psutil.NoSuchProcess):
            root = psutil.Process(process)
            for each in (root, *root.children(recursive=True)):
                with contextlib.suppress(psutil.NoSuchProcess):
                    held += each.memory_info().rss
        peaks[0] = max(peaks[0], held)
