"""Measure the gate: cold, warm, unchanged, and 20 changed models beside a pipeline by hand."""

import argparse
import json
import shutil
import sys
import tempfile
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from statistics import median

from benchmarks.gate.watch import watched
from benchmarks.measure import CommandFailed, Run, in_turn, median_ratio, table
from devcluster.platform import lifecycle
from devcluster.platform.layout import process_layout
from devcluster.toolchain import ensure_tools
from mlifecycle.digests import folder_digest
from tests.sandbox import Platform, Sandbox, prepare_pulumi

ROOT = Path(__file__).parents[2]
GATES = "benchmarks.gate.gates"
SCRIPT = Path(__file__).with_name("script.sh")
BUILDER = "mlifecycle"


@dataclass
class Bench:
    """A stack whose models change when they are told to, and a cache of its own."""

    sandbox: Sandbox
    cache: Path
    versions: "count[int]"

    def change(self, models: int) -> None:
        """So many models, each of a version that nobody has seen."""
        (self.sandbox.folder / "running.json").unlink(missing_ok=True)
        shutil.rmtree(self.sandbox.manifests)
        self.sandbox.manifests.mkdir()
        for number in range(models):
            name, version = (
                f"model-{number:02}",
                f"2.1.0-{self.sandbox.stack}.{next(self.versions)}",
            )
            self.sandbox.write_manifest(
                ("name: fraud-detector", f"name: {name}"),
                ('version: "2.1.0"', f'version: "{version}"'),
                name=f"{name}.yaml",
            )

    def gates(self, *more: str) -> Run:
        """Pass every gate of the stack in a fresh process; with `release`, publish what passed."""
        running = self.sandbox.folder / "running.json"
        command = (
            *(sys.executable, "-m", GATES, self.sandbox.stack, str(self.sandbox.folder)),
            *(str(running), *more),
        )
        run, output = watched(command, ROOT, self.sandbox.environment)
        return replace(run, seconds=json.loads(output.splitlines()[0])["seconds"])

    def changed(self, models: int) -> Run:
        """The gates of models that all have changed."""
        self.change(models)
        # So that the checkout is looked at: what has not changed is kept.
        shutil.rmtree(self.cache / "repository", ignore_errors=True)
        return self.gates()

    def unchanged(self, models: int) -> list[Run]:
        """The gates of models that the stack runs, several times."""
        self.change(models)
        self.gates("release")
        return [self.gates() for _ in range(5)]

    def cold(self) -> Run:
        """One model, with no cache of ours and none of the builder's."""
        shutil.rmtree(self.cache)
        self.cache.mkdir()
        prune = ("buildx", "prune", "--builder", BUILDER, "--all", "--force")
        result = self.sandbox.run(*prune)
        if result.code:
            raise CommandFailed(result.output)
        return self.changed(1)

    def by_hand(self, models: int) -> Run:
        """As many changed models by the script."""
        layout = self.sandbox.platform.layout
        (trivy,) = [file.parent.parent for file in self.cache.rglob("trivy.db")]
        (grype,) = [file.parent.parent for file in self.cache.rglob("vulnerability.db")]
        # What the gates have just built from.
        staged = [_newest(ROOT / ".mlifecycle" / name) for name in ("server", "wheels", "patches")]
        base = f"{layout.registry}/library/python:3.11-slim"
        with tempfile.TemporaryDirectory() as releases:
            for _ in range(models):
                folder = Path(releases) / f"{next(self.versions):06}"
                (folder / "app").mkdir(parents=True)
                (folder / "app" / "release.json").write_text(json.dumps({"version": folder.name}))
            address = f"unix://{layout.state}/run/buildkit.sock"
            command = (
                *(str(SCRIPT), address, base, str(ROOT)),
                *(str(folder.resolve()) for folder in staged),
                *(str(trivy), str(grype), releases),
            )
            run, _ = watched(command, ROOT, self.sandbox.environment)
        return run


def _newest(folder: Path) -> Path:
    return max(filter(Path.is_dir, folder.iterdir()), key=lambda path: path.stat().st_mtime)


def main() -> None:
    """Prepare a stack in a temporary folder, and print what its gates take."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gate", description=__doc__)
    parser.add_argument("--models", type=int, default=20, help="how many change at once")
    parser.add_argument("--pairs", type=int, default=2, help="how often each is measured")
    asked = parser.parse_args()
    toolchain = ensure_tools("up", report=_say)
    layout = process_layout()
    if not lifecycle.is_running(layout, toolchain.bin_dir):
        sys.exit("the local platform does not run: make start")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "stack").mkdir()
        platform = prepare_pulumi(layout, toolchain, folder / "platform")
        _report(_bench(platform, folder), asked.models, asked.pairs)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _bench(platform: Platform, folder: Path) -> Bench:
    sandbox = Sandbox(platform, folder / "stack")
    cache = sandbox.own_cache()
    cache.mkdir()
    sandbox.initialise()
    # What only the script builds with.
    buildctl = ensure_tools("benchmarks", report=_say).bin_dir
    sandbox.variables["PATH"] = f"{sandbox.environment['PATH']}:{buildctl}"
    return Bench(sandbox, cache, count())


def _report(bench: Bench, models: int, pairs: int) -> None:
    print(f"the program's digest is {folder_digest(ROOT / 'mlifecycle')[:12]}; medians\n")
    rows = [("cold: no cache of any kind, 1 model", bench.cold())]
    rows.append(("1 changed model, caches warm", _typical([bench.changed(1) for _ in range(3)])))
    rows.append(("1 unchanged model", _typical(bench.unchanged(1))))
    tasks = {
        "gates": lambda: bench.changed(models),
        "script": lambda: bench.by_hand(models),
    }
    samples = in_turn(tasks, pairs)
    rows.append((f"{models} unchanged models", _typical(bench.unchanged(models))))
    rows.append((f"{models} changed models of one runtime", _typical(samples["gates"])))
    rows.append((f"{models} by buildctl and four scanners", _typical(samples["script"])))
    text = [
        (
            name,
            f"{run.seconds:.2f} s",
            f"{run.peak_mib:.0f} MiB",
        )
        for name, run in rows
    ]
    print(table(("gate", "median", "peak memory"), text))
    seconds = {name: [run.seconds for run in runs] for name, runs in samples.items()}
    print(f"ratio to the script {median_ratio(seconds['gates'], seconds['script']):.3f}")


def _typical(runs: list[Run]) -> Run:
    return Run(median(run.seconds for run in runs), max(run.peak_mib for run in runs))


if __name__ == "__main__":
    main()
