"""A server on one core: started, asked whether it is ready, its time and memory read."""

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
from tenacity import RetryError

from benchmarks.serving.peers import Peer
from tests.sandbox import wait_until
from tests.unit.inference.local_serving import free_port

SERVER_CORE, LOAD_CORE = 0, 1
START_SECONDS = 120
# How far an answer may be from the golden one.
TOLERANCE = 1e-4


class PeerFailed(Exception):
    """A server did not start, or does not answer as the model does."""


@dataclass(frozen=True)
class Running:
    """A server that answers.

    Attributes:
        seconds: from its start until it was ready.
    """

    process: psutil.Process
    url: str
    seconds: float

    def cpu_seconds(self) -> float:
        """Processor time of the server and all that it started."""
        times = [process.cpu_times() for process in self._tree()]
        return float(sum(one.user + one.system for one in times))

    def memory_mib(self) -> float:
        """What they hold; pages that they share count once."""
        return float(sum(process.memory_full_info().pss for process in self._tree()) / 2**20)

    def _tree(self) -> list[psutil.Process]:
        return [self.process, *self.process.children(recursive=True)]


@contextmanager
def running(peer: Peer, python: Path, variables: Mapping[str, str], log: Path) -> Iterator[Running]:
    """Start a server, and end it and all that it started.

    Raises:
        PeerFailed: it does not become ready.
    """
    port = free_port()
    filled = [part.replace("{port}", str(port)) for part in peer.command]
    own = {name: value.replace("{port}", str(port)) for name, value in peer.variables.items()}
    with log.open("w") as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            ["taskset", "--cpu-list", str(SERVER_CORE), python, *filled],
            cwd=peer.folder,
            # The environment's own commands first: some servers start others by name.
            env={
                **os.environ,
                "PATH": f"{python.parent}:{os.environ['PATH']}",
                "PORT": str(port),
                "PYTHONDONTWRITEBYTECODE": "1",
                "OMP_NUM_THREADS": "1",
                **variables,
                **own,
            },
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    tree = psutil.Process(process.pid)
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_until_ready(peer, f"{url}{peer.ready}", process, log)
        yield Running(tree, url, time.perf_counter() - started)
    finally:
        members = [tree]
        with contextlib.suppress(psutil.NoSuchProcess):
            members += tree.children(recursive=True)
        for member in members:
            # Some end their own children first.
            with contextlib.suppress(psutil.NoSuchProcess):
                member.terminate()
        _, left = psutil.wait_procs(members, timeout=10)
        for member in left:
            member.kill()
        process.wait()


def check_answer(peer: Peer, server: Running, expected: float) -> None:
    """Ask once: nothing is measured that does not answer as the model does.

    Raises:
        PeerFailed: it answers anything else.
    """
    response = httpx.post(f"{server.url}{peer.path}", json=peer.body, timeout=30)
    values = list(_numbers(response.json())) if response.status_code == 200 else []
    if not any(abs(value - expected) < TOLERANCE for value in values):
        raise PeerFailed(f"{peer.name} answers {response.status_code} {response.text[:300]}")


def _wait_until_ready(peer: Peer, url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    def answers() -> bool:
        if process.poll() is not None:
            raise PeerFailed(f"{peer.name} did not start:\n{log.read_text()[-2000:]}")
        try:
            return httpx.get(url, timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    try:
        wait_until(answers, START_SECONDS, every=0.02)
    except RetryError as error:
        raise PeerFailed(f"{peer.name} was not ready in {START_SECONDS} s") from error


def _numbers(document: Any) -> Iterator[float]:
    if isinstance(document, Mapping):
        for value in document.values():
            yield from _numbers(value)
    elif isinstance(document, list):
        for value in document:
            yield from _numbers(value)
    elif isinstance(document, int | float):
        yield float(document)
