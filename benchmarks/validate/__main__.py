"""Measure `mlifecycle validate` beside conftest, after both have judged alike."""

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks.go_tool import GoTool
from benchmarks.measure import Run, in_turn, measure, median_ratio, table
from benchmarks.validate.equivalence import compare, conftest_verdicts, mlifecycle_verdicts
from benchmarks.validate.manifests import SEED_MANIFEST, write_manifests

ROOT = Path(__file__).parents[2]
POLICY = Path(__file__).with_name("policy")
OWNERS_FILES = [ROOT / "policy_pack" / name for name in ("levels.yaml", "approved.yaml")]
CONFTEST = GoTool(
    Path(__file__).with_name("conftest"),
    "github.com/open-policy-agent/conftest",
    "github.com/open-policy-agent/conftest",
)
# Both end with 1 where something is refused.
DONE = (0, 1)


def main() -> None:
    """Write the manifests, compare the verdicts, then measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.validate", description=__doc__)
    parser.add_argument("--manifests", type=int, default=1000, help="how many in one call")
    parser.add_argument("--pairs", type=int, default=9, help="how often each is measured")
    parser.add_argument("--seed", type=int, default=1, help="which set of manifests")
    asked = parser.parse_args()
    conftest = str(CONFTEST.ensure())
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_manifests(folder, asked.manifests, asked.seed)
        many, one = _commands(conftest, folder), _commands(conftest, SEED_MANIFEST)
        refused = compare(
            mlifecycle_verdicts(many["mlifecycle"], folder),
            conftest_verdicts(many["conftest"], folder),
        )
        print(
            f"both refuse the same {refused} of {asked.manifests} manifests by the same rules\n"
            f"medians of {asked.pairs} pairs; conftest {CONFTEST.version}\n"
        )
        head = ("", "mlifecycle", "conftest", "ratio", "mlifecycle MiB", "conftest MiB")
        rows = [
            _row(f"{asked.manifests} manifests", _measured(many, folder, asked.pairs)),
            _row("1 manifest", _measured(one, folder, asked.pairs)),
        ]
        print(table(head, rows))


def _commands(conftest: str, path: Path) -> dict[str, list[str]]:
    """One call of each on a file or folder, all that it found as JSON."""
    ours = [str(Path(sys.executable).with_name("mlifecycle")), "validate", str(path)]
    data = [argument for file in OWNERS_FILES for argument in ("--data", str(file))]
    return {
        "mlifecycle": [*ours, "--environment", "prod", "--format", "json"],
        "conftest": [conftest, "test", str(path), "-p", str(POLICY), *data, "--output", "json"],
    }


def _measured(
    commands: Mapping[str, Sequence[str]], folder: Path, pairs: int
) -> dict[str, list[Run]]:
    tasks = {name: partial(measure, line, folder, DONE) for name, line in commands.items()}
    return in_turn(tasks, pairs)


def _row(what: str, runs: Mapping[str, Sequence[Run]]) -> list[str]:
    seconds = {name: [run.seconds for run in given] for name, given in runs.items()}
    memory = {name: median(run.peak_mib for run in given) for name, given in runs.items()}
    return [
        what,
        f"{median(seconds['mlifecycle']):.2f} s",
        f"{median(seconds['conftest']):.2f} s",
        f"{median_ratio(seconds['mlifecycle'], seconds['conftest']):.2f}",
        f"{memory['mlifecycle']:.0f}",
        f"{memory['conftest']:.0f}",
    ]


if __name__ == "__main__":
    main()
