"""Measure the inference server beside what one would use instead, all with one model."""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.measure import in_turn, median_ratio, table
from benchmarks.serving.large_model import large_model
from benchmarks.serving.load import Steady, steady, throughput
from benchmarks.serving.peers import (
    ARTIFACT,
    ECHO,
    EXPECTED,
    OURS,
    PEERS,
    Peer,
    all_peers,
)
from benchmarks.serving.servers import Running, check_answer, running
from devcluster.environments import python_with
from devcluster.toolchain import ensure_tools
from tests.unit.inference.local_serving import BUCKET, FileStore, release_document, serve_files

RATE = 500
# Of a model so large that twice what a server can answer is not more than the generator can send.
OVERLOAD = 2
WARM_UP_SECONDS = 2


@dataclass(frozen=True)
class Sample:
    """One server's figures of one round.

    Attributes:
        per_second: requests a second, closed loop.
        cpu: seconds of processor time for 1,000 requests of these.
        start: seconds until it was ready.
        normal: at a steady 500 a second.
        busy, overload: with a large model, at half of what it can answer, and at twice that.
    """

    per_second: float
    cpu: float
    memory: float
    start: float
    normal: Steady
    busy: Steady
    overload: Steady


def main() -> None:
    """Install, check, measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured")
    parser.add_argument("--seconds", type=int, default=10, help="how long each load lasts")
    parser.add_argument("--only", nargs="*", help="servers to measure, by name")
    asked = parser.parse_args()
    tools = ensure_tools("benchmarks", report=lambda line: print(line, file=sys.stderr))
    # On the server's core: a store is asked before anything is measured, and never again.
    with tempfile.TemporaryDirectory() as temporary, serve_files(Path(temporary) / "s3") as store:
        folder = Path(temporary)
        bench = Bench(tools.bin_dir / "vegeta", asked.seconds, folder)
        artifacts = {"small": ARTIFACT, "large": {"model.onnx": large_model()}}
        served = [Served(name, folder / name, files, store) for name, files in artifacts.items()]
        tasks = {
            peer.name: partial(bench.measure, peer.name, *served)
            for peer in served[0].peers
            if not asked.only or peer.name in asked.only
        }
        samples = in_turn(tasks, asked.rounds)
    print(_report(samples))


class Served:
    """A model, in each form in which a server wants it, in a folder of its own."""

    def __init__(
        self, name: str, folder: Path, files: Mapping[str, bytes], store: FileStore
    ) -> None:
        folder.mkdir()
        model, release = folder / "model.onnx", folder / "release.json"
        model.write_bytes(files["model.onnx"])
        store.put(dict(files), prefix=name)
        document = release_document(dict(files), uri=f"s3://{BUCKET}/{name}")
        release.write_text(json.dumps(document))
        python = python_with(PEERS / "mlflow" / "requirements.txt", "serving-mlflow")
        script = str(PEERS / "mlflow" / "serve.py")
        subprocess.run([python, script, model, folder / "mlflow"], check=True)
        self.peers = all_peers(folder / "mlflow")
        self._variables = {
            "MODEL": str(model),
            "MLIFECYCLE_RELEASE_FILE": str(release),
            "MLIFECYCLE_MODEL_STORE_ENDPOINT": store.endpoint,
        }

    @contextmanager
    def by(self, name: str, log: Path) -> Iterator[tuple[Peer, Running]]:
        """The server of that name, with this model."""
        (peer,) = (peer for peer in self.peers if peer.name == name)
        with running(peer, peer.python(), self._variables, log) as server:
            yield peer, server


@dataclass(frozen=True)
class Bench:
    """What every measurement needs.

    Attributes:
        seconds: how long each load lasts.
    """

    vegeta: Path
    seconds: int
    folder: Path

    def measure(self, name: str, small: Served, large: Served) -> Sample:
        """One server, started anew for each model."""
        log = self.folder / "server.log"
        with small.by(name, log) as (peer, server):
            if peer.name != ECHO:
                check_answer(peer, server, EXPECTED)
            url = f"{server.url}{peer.path}"
            throughput(url, peer.body, WARM_UP_SECONDS, self.folder)
            before = server.cpu_seconds()
            per_second = throughput(url, peer.body, self.seconds, self.folder)
            cpu = (server.cpu_seconds() - before) / (per_second * self.seconds) * 1000
            memory = server.memory_mib()
            normal = self._steady(url, peer.body, RATE)
        with large.by(name, log) as (peer, loaded):
            url = f"{loaded.url}{peer.path}"
            throughput(url, peer.body, WARM_UP_SECONDS, self.folder)
            capacity = throughput(url, peer.body, self.seconds, self.folder)
            busy = self._steady(url, peer.body, capacity / 2)
            overload = self._steady(url, peer.body, OVERLOAD * capacity)
        print(f"{peer.name}: {per_second:.0f}/s", file=sys.stderr)
        return Sample(per_second, cpu, memory, server.seconds, normal, busy, overload)

    def _steady(self, url: str, body: Mapping[str, Any], rate: float) -> Steady:
        return steady(
            self.vegeta, url, body, rate=max(1, int(rate)), seconds=self.seconds, folder=self.folder
        )


def _report(samples: Mapping[str, Sequence[Sample]]) -> str:
    """Medians, and ratios within the rounds."""
    first = ("", "req/s", "of the echo", "ours", "CPU s/1,000", "MiB", "ready s")
    second = (
        "",
        "p50 ms",
        "p99",
        "p99.9",
        "busy p99",
        "2x sent/s",
        "accepted",
        "shed",
        "p99 of them",
        "to busy",
    )
    ours = [sample.per_second for sample in samples.get(OURS, ())]
    limit = [sample.per_second for sample in samples.get(ECHO, ())]
    rows, more = [], []
    for name, given in samples.items():
        own = [sample.per_second for sample in given]
        rows.append(
            [
                name,
                f"{median(own):.0f}",
                f"{median_ratio(own, limit):.2f}" if limit else "",
                f"{median_ratio(ours, own):.2f} x" if ours else "",
                f"{_middle(given, lambda one: one.cpu):.3f}",
                f"{_middle(given, lambda one: one.memory):.0f}",
                f"{_middle(given, lambda one: one.start):.2f}",
            ]
        )
        more.append(
            [
                name,
                f"{_middle(given, lambda one: one.normal.percentile(0.5)):.2f}",
                f"{_middle(given, lambda one: one.normal.percentile(0.99)):.2f}",
                f"{_middle(given, lambda one: one.normal.percentile(0.999)):.2f}",
                f"{_middle(given, lambda one: one.busy.percentile(0.99)):.2f}",
                f"{_middle(given, lambda one: one.overload.rate):.0f}",
                f"{_middle(given, lambda one: one.overload.accepted):.0%}",
                f"{_middle(given, lambda one: one.overload.shed):.0%}",
                f"{_middle(given, lambda one: one.overload.percentile(0.99)):.1f}",
                f"{_middle(given, _slowdown):.1f} x",
            ]
        )
    title = f"at {RATE} requests a second; a large model, at half and at twice the capacity"
    return f"{table(first, rows)}\n\n{title}\n\n{table(second, more)}"


def _middle(given: Sequence[Sample], figure: Callable[[Sample], float]) -> float:
    return median(map(figure, given))


def _slowdown(sample: Sample) -> float:
    return sample.overload.percentile(0.99) / sample.busy.percentile(0.99)


if __name__ == "__main__":
    main()
