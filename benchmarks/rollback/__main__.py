"""Measure a rollback by hand, from the command until the release before it answers as it must."""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from benchmarks.go_tool import GoTool
from benchmarks.measure import CommandFailed, in_turn, table
from devcluster.platform import lifecycle
from devcluster.platform.layout import process_layout
from devcluster.toolchain import ensure_tools
from mlifecycle.release.verification import Target, verify_release
from tests.e2e.test_rollback import MODEL, write
from tests.sandbox import Sandbox, prepare_pulumi

HELM = GoTool(Path(__file__).with_name("helm"), "helm.sh/helm/v3", "helm.sh/helm/v3/cmd/helm")
OLD = "1.0.0"


@dataclass
class Bench:
    """A model in two releases, by us, and its Deployment and Service once more, by Helm.

    Attributes:
        revisions: the versions that the Deployment had, the newest last.
    """

    sandbox: Sandbox
    helm: str
    chart: Path
    revisions: list[str] = field(default_factory=list)

    @property
    def helm_namespace(self) -> str:
        """Where Helm's copy is."""
        return f"helm-{self.sandbox.stack}"

    def prepare(self) -> None:
        """Release both, and install both by Helm."""
        self.write(OLD)
        self.up()
        self.sandbox.kubectl("create", "namespace", self.helm_namespace)
        secret = self.object("secret", f"{MODEL}-model-store")
        file = self.sandbox.folder / "secret.json"
        file.write_text(json.dumps(secret))
        self.sandbox.kubectl("--namespace", self.helm_namespace, "apply", "--filename", str(file))
        self.helm_release("install")
        self.write("2.0.0")
        self.up()
        self.helm_release("upgrade")

    def write(self, version: str) -> None:
        """The manifest of a version, each with a model of its own."""
        write(self.sandbox, version, float(version.split(".", maxsplit=1)[0]))

    def object(self, kind: str, name: str = MODEL) -> dict[str, object]:
        """As the cluster has it, without what is of that cluster and namespace."""
        own = ("--namespace", self.sandbox.namespace, "get", kind, name, "--output", "json")
        found = json.loads(self.sandbox.kubectl(*own))
        metadata = {"name": name, "labels": found["metadata"].get("labels", {})}
        for key in ("clusterIP", "clusterIPs", "serviceAccountName", "serviceAccount"):
            found.get("spec", {}).pop(key, None)
            found.get("spec", {}).get("template", {}).get("spec", {}).pop(key, None)
        return {
            key: found[key] for key in ("apiVersion", "kind", "spec", "data") if key in found
        } | {"metadata": metadata}

    def helm_release(self, command: str) -> None:
        """What runs now, as a chart, installed or upgraded to."""
        templates = self.chart / "templates"
        templates.mkdir(parents=True, exist_ok=True)
        (self.chart / "Chart.yaml").write_text("apiVersion: v2\nname: model\nversion: 1.0.0\n")
        for kind in ("deployment", "service"):
            (templates / f"{kind}.yaml").write_text(json.dumps(self.object(kind)))
        self.run(
            *(self.helm, command, "model", str(self.chart), "--wait"),
            *("--namespace", self.helm_namespace, "--timeout", "180s"),
        )

    def run(self, *command: str) -> None:
        """Run a command that must succeed."""
        result = self.sandbox.run(*command)
        if result.code:
            raise CommandFailed(result.output)

    def up(self) -> None:
        """Release what the manifest says."""
        self.run("mlifecycle", "up", "--stack", self.sandbox.stack)
        (version,) = [
            line.split('"')[1]
            for line in (self.sandbox.manifests / "model.yaml").read_text().splitlines()
            if line.strip().startswith("version:")
        ]
        if self.revisions[-1:] != [version]:
            self.revisions = [item for item in self.revisions if item != version] + [version]

    def answered(self, command: Callable[[], None], namespace: str, version: str) -> float:
        """Seconds from a command until that version, and no other, answers as it must."""
        started = time.perf_counter()
        command()
        verify_release(Target(namespace, MODEL, MODEL, version, "", 180.0), None)
        return time.perf_counter() - started

    def ours(self) -> float:
        """`mlifecycle rollback`; then the release of before is made again."""
        stack = ("--stack", self.sandbox.stack, "--reason", "a benchmark")
        command = ("mlifecycle", "rollback", MODEL, "--to", OLD, *stack)
        own = self.sandbox.namespace
        seconds = self.answered(lambda: self.run(*command), own, OLD)
        self.revisions = [item for item in self.revisions if item != OLD] + [OLD]
        self.run("mlifecycle", "retry", MODEL, *stack)
        self.up()
        return seconds

    def released(self) -> float:
        """`mlifecycle up` of another version."""
        version = f"{len(self.revisions) + 100}.0.0"
        self.write(version)
        return self.answered(self.up, self.sandbox.namespace, version)

    def undone(self) -> float:
        """`kubectl rollout undo`, and back."""
        own = self.sandbox.namespace
        command = ("kubectl", "--namespace", own, "rollout", "undo", f"deployment/{MODEL}")
        seconds = self.answered(lambda: self.run(*command), own, self.revisions[-2])
        self.answered(lambda: self.run(*command), own, self.revisions[-1])
        return seconds

    def by_helm(self) -> float:
        """`helm rollback --wait`, and back."""
        own = self.helm_namespace
        command = (self.helm, "rollback", "model", "--wait", "--namespace", own)
        seconds = self.answered(lambda: self.run(*command), own, OLD)
        self.answered(lambda: self.run(*command), own, "2.0.0")
        return seconds


def main() -> None:
    """Prepare a stack in a temporary folder, and print what each way back takes."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rollback", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured")
    asked = parser.parse_args()
    toolchain = ensure_tools("up", report=_say)
    layout = process_layout()
    if not lifecycle.is_running(layout, toolchain.bin_dir):
        sys.exit("the local platform does not run: make start")
    helm = str(HELM.ensure())
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "stack").mkdir()
        platform = prepare_pulumi(layout, toolchain, folder / "platform")
        bench = Bench(Sandbox(platform, folder / "stack"), helm, folder / "chart")
        os.environ["KUBECONFIG"] = bench.sandbox.environment["KUBECONFIG"]
        try:
            bench.prepare()
            _report(bench, asked.rounds)
        finally:
            bench.sandbox.remove()
            bench.sandbox.run(
                "kubectl", "delete", "namespace", bench.helm_namespace, "--wait=false"
            )


def _report(bench: Bench, rounds: int) -> None:
    tasks = {
        "mlifecycle rollback": bench.ours,
        "kubectl rollout undo": bench.undone,
        f"helm rollback ({HELM.version})": bench.by_helm,
        "mlifecycle up, a full release": bench.released,
    }
    samples = in_turn(tasks, rounds)
    rows = [
        (name, f"{median(found):.1f} s", f"{min(found):.1f} s", f"{max(found):.1f} s")
        for name, found in samples.items()
    ]
    print(table(("until the release before answers as it must", "median", "least", "most"), rows))
    ours, theirs = (samples[name] for name in list(tasks)[:2])
    more = median(a - b for a, b in zip(ours, theirs, strict=True))
    print(f"more than kubectl rollout undo, within a round: {more:.1f} s")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
