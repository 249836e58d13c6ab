"""The ingress controller of the local platform, which runs in the cluster."""

from pathlib import Path

import yaml

from devcluster.platform.layout import Layout
from mlifecycle.process import run_tool

CHECKOUT = Path(__file__).parents[2]
NAMESPACE = "ingress"
KUBECTL_SECONDS = 90


def hosts() -> list[str]:
    """The committed stacks' hosts, `*` for the model."""
    found = set()
    for file in CHECKOUT.glob("Pulumi.*.yaml"):
        host = yaml.safe_load(file.read_text())["config"]["mlifecycle:ingressHost"]
        found.add("*." + host.partition(".")[2])
    return sorted(found)


def ensure_ingress(layout: Layout, bin_dir: Path) -> None:
    """Put the controller into the cluster, and wait until it answers."""
    certificate = layout.state / "certificates" / "ingress"
    data = {
        name: certificate.with_suffix(suffix).read_text()
        for name, suffix in (("tls.crt", ".crt"), ("tls.key", ".key"))
    }
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/tls",
        "metadata": {"name": "skipper", "namespace": NAMESPACE},
        "stringData": data,
    }
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    objects = (layout.state / "config" / "ingress.yaml").read_text()
    text = yaml.safe_dump_all([namespace, secret]) + "---\n" + objects
    # By standard input: the key stands in no file but its own.
    _kubectl(layout, bin_dir, "apply", "--server-side", "--filename", "-", standard_input=text)
    wait = ("rollout", "status", "deployment/skipper", f"--timeout={KUBECTL_SECONDS - 10}s")
    _kubectl(layout, bin_dir, "--namespace", NAMESPACE, *wait)


def _kubectl(layout: Layout, bin_dir: Path, *arguments: str, standard_input: str = "") -> None:
    command: list[str | Path] = [bin_dir / "kubectl", "--kubeconfig", layout.kubeconfig, *arguments]
    run_tool(command, timeout=KUBECTL_SECONDS, standard_input=standard_input)
