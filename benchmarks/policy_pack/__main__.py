"""Measure previews with and without the policy pack, in turn."""

import argparse
import re
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

from benchmarks.measure import CommandFailed, in_turn, median_ratio, table
from devcluster.platform import lifecycle
from devcluster.platform.layout import process_layout
from devcluster.toolchain import ensure_tools
from tests.sandbox import Sandbox, prepare_pulumi

ROOT = Path(__file__).parents[2]
PROGRAM = Path(__file__).with_name("program")
PACK = ROOT / "policy_pack"
# Deployment, Service, ServiceAccount, autoscaler, disruption budget, network policy, Secret.
OBJECTS = 7
# The stack itself, the provider, the namespace, its default-deny policy and its list of images.
SHARED = 5


def main() -> None:
    """Prepare a stack in a temporary folder, preview it, and print what the pack adds."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.policy_pack", description=__doc__)
    parser.add_argument("--models", type=int, default=100, help="how many the stack has")
    parser.add_argument("--pairs", type=int, default=5, help="how often each is measured")
    asked = parser.parse_args()
    toolchain = ensure_tools("up", report=lambda line: print(line, file=sys.stderr, flush=True))
    layout = process_layout()
    if not lifecycle.is_running(layout, toolchain.bin_dir):
        sys.exit("the local platform does not run: make start")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "stack").mkdir()
        platform = prepare_pulumi(layout, toolchain, folder / "platform")
        sandbox = Sandbox(platform, folder / "stack", committed="prod", program=PROGRAM)
        sandbox.variables["PYTHONPATH"] = str(ROOT)
        for number in range(asked.models):
            name = f"model-{number:03}"
            sandbox.write_manifest(("name: fraud-detector", f"name: {name}"), name=f"{name}.yaml")
        sandbox.initialise()
        expected = asked.models * (OBJECTS + 1) + SHARED
        tasks = {
            "with the pack": _preview(sandbox, PACK, expected),
            "without": _preview(sandbox, None, expected),
        }
        seconds = in_turn(tasks, asked.pairs)
    print(f"preview of {expected} resources, {asked.pairs} pairs, medians\n")
    print(_table(seconds["with the pack"], seconds["without"]))


def _preview(sandbox: Sandbox, pack: Path | None, expected: int) -> Callable[[], float]:
    """A preview that has seen every resource, and the pack where it is asked for."""

    def run() -> float:
        sandbox.variables["PULUMI_OPTION_POLICY_PACK"] = str(pack) if pack else None
        started = time.perf_counter()
        result = sandbox.preview("--non-interactive", "--suppress-progress")
        seconds = time.perf_counter() - started
        created = re.search(r"\+ (\d+) to create", result.output)
        judged = "mlifecycle@v" in result.output
        if result.code or not created or int(created[1]) != expected or judged != bool(pack):
            raise CommandFailed(f"the preview is not the one to measure:\n{result.output[-4000:]}")
        return seconds

    return run


def _table(judged: Sequence[float], plain: Sequence[float]) -> str:
    added = [a - b for a, b in zip(judged, plain, strict=True)]
    rows = [
        ("with the pack", *_spread(judged)),
        ("without", *_spread(plain)),
        ("difference within a pair", *_spread(added)),
    ]
    text = table(("preview", "median", "least", "most"), rows)
    return f"{text}\nratio {median_ratio(judged, plain):.2f}"


def _spread(seconds: Sequence[float]) -> tuple[str, str, str]:
    return f"{median(seconds):.2f} s", f"{min(seconds):.2f} s", f"{max(seconds):.2f} s"


if __name__ == "__main__":
    main()
