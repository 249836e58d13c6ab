"""Measure the inference server beside what one would use instead, all with one model."""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks.measure import in_turn, median_ratio, table
from benchmarks.serving.load import Steady, steady, throughput
from benchmarks.serving.peers import (
    ARTIFACT,
    ECHO,
    EXPECTED,
    MODEL,
    OURS,
    PEERS,
    Peer,
    all_peers,
)
from benchmarks.serving.servers import check_answer, running
from devcluster.environments import python_with
from devcluster.toolchain import ensure_tools
from tests.unit.inference.local_serving import release_document, serve_files

RATE = 500
OVERLOAD = 2
WARM_UP_SECONDS = 2


@dataclass(frozen=True)
class Sample:
    """One server's figures of one round.

    Attributes:
        per_second: requests a second, closed loop.
        cpu: seconds of processor time for 1,000 requests of these.
        start: seconds until it was ready.
        normal, overload: at a steady 500 a second, and at twice `per_second`.
    """

    per_second: float
    cpu: float
    memory: float
    start: float
    normal: Steady
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
        store.put(ARTIFACT)
        (folder / "release.json").write_text(json.dumps(release_document(ARTIFACT)))
        variables = {
            "MODEL": str(MODEL),
            "MLIFECYCLE_RELEASE_FILE": str(folder / "release.json"),
            "MLIFECYCLE_MODEL_STORE_ENDPOINT": store.endpoint,
        }
        bench = Bench(tools.bin_dir / "vegeta", variables, asked.seconds, folder)
        bench.write_mlflow_folder()
        peers = [
            peer
            for peer in all_peers(folder / "mlflow")
            if not asked.only or peer.name in asked.only
        ]
        tasks = {peer.name: partial(bench.measure, peer) for peer in peers}
        samples = in_turn(tasks, asked.rounds)
    print(_report(samples))


@dataclass(frozen=True)
class Bench:
    """What every measurement needs.

    Attributes:
        variables: of every server's environment.
        seconds: how long each load lasts.
    """

    vegeta: Path
    variables: Mapping[str, str]
    seconds: int
    folder: Path

    def measure(self, peer: Peer) -> Sample:
        """One server, started anew."""
        python = peer.python()
        log = self.folder / "server.log"
        with running(peer, python, self.variables, log) as server:
            if peer.name != ECHO:
                check_answer(peer, server, EXPECTED)
            url = f"{server.url}{peer.path}"
            throughput(url, peer.body, WARM_UP_SECONDS, self.folder)
            before = server.cpu_seconds()
            per_second = throughput(url, peer.body, self.seconds, self.folder)
            cpu = (server.cpu_seconds() - before) / (per_second * self.seconds) * 1000
            memory = server.memory_mib()
            at_rate = partial(
                steady, self.vegeta, url, peer.body, seconds=self.seconds, folder=self.folder
            )
            normal = at_rate(rate=RATE)
            overload = at_rate(rate=int(OVERLOAD * per_second))
        print(f"{peer.name}: {per_second:.0f}/s", file=sys.stderr)
        return Sample(per_second, cpu, memory, server.seconds, normal, overload)

    def write_mlflow_folder(self) -> None:
        """The model as MLflow keeps it."""
        python = python_with(PEERS / "mlflow" / "requirements.txt", "serving-mlflow")
        script = str(PEERS / "mlflow" / "serve.py")
        subprocess.run([python, script, MODEL, self.folder / "mlflow"], check=True)


def _report(samples: Mapping[str, Sequence[Sample]]) -> str:
    """Medians, and ratios within the rounds."""
    first = ("", "req/s", "of the echo", "ours", "CPU s/1,000", "MiB", "ready s")
    second = (
        "",
        "p50 ms",
        "p99",
        "p99.9",
        "2x sent/s",
        "accepted",
        "shed",
        "p99 of them",
        "to normal",
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
                f"{_middle(given, lambda one: one.overload.rate):.0f}",
                f"{_middle(given, lambda one: one.overload.accepted):.0%}",
                f"{_middle(given, lambda one: one.overload.shed):.0%}",
                f"{_middle(given, lambda one: one.overload.percentile(0.99)):.1f}",
                f"{_middle(given, _slowdown):.1f} x",
            ]
        )
    title = f"at {RATE} requests a second, and at twice the capacity"
    return f"{table(first, rows)}\n\n{title}\n\n{table(second, more)}"


def _middle(given: Sequence[Sample], figure: Callable[[Sample], float]) -> float:
    return median(map(figure, given))


def _slowdown(sample: Sample) -> float:
    return sample.overload.percentile(0.99) / sample.normal.percentile(0.99)


if __name__ == "__main__":
    main()
