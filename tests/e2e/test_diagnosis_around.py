"""Why a release does not become ready, where what surrounds it is at fault: on the real node."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from devcluster.platform import namespace as platform_namespace
from tests.e2e.test_diagnosis import apply, command, deploy, image, namespace, released, waited
from tests.sandbox import Sandbox, wait_until

__all__ = ["namespace", "released"]

# A registry that lets nobody in without a password.
CLOSED_REGISTRY = """
from http.server import BaseHTTPRequestHandler, HTTPServer

class Closed(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'Basic realm="closed"')
        self.end_headers()

    do_HEAD = do_GET

server = HTTPServer(("127.0.0.1", 0), Closed)
print(server.server_port, flush=True)
server.serve_forever()
"""


@contextmanager
def on_the_node(sandbox: Sandbox, program: str) -> Iterator[str]:
    """A Python program in the node's network; its first line."""
    inside = ("ip", "netns", "exec", sandbox.platform.layout.name)
    command = (*inside, sys.executable, "-c", program)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


@pytest.mark.full
def test_a_registry_that_wants_credentials(released: Sandbox, namespace: str) -> None:
    with on_the_node(released, CLOSED_REGISTRY) as port:
        deploy(released, namespace, "credentials", image(f"127.0.0.1:{port}/closed:1"))
        text = waited(released, namespace, "credentials")
    assert "The registry does not let the node read the image" in text
    assert "credentials of the registry (imagePullSecrets)" in text
    released.run("kubectl", "--namespace", namespace, "delete", "deployment", "credentials")


@pytest.mark.full
def test_pods_that_an_admission_policy_refuses(released: Sandbox) -> None:
    name = f"admitting-{released.stack}"
    released.kubectl("create", "namespace", name)
    kind = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": name}}
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"]}
    own = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}}
    policy = {
        "matchConstraints": {**own, "resourceRules": [{**rule, "resources": ["pods"]}]},
        "validations": [{"expression": "false", "message": "no pods on Fridays"}],
    }
    binding = {"policyName": name, "validationActions": ["Deny"]}
    try:
        for suffix, spec in (("", policy), ("Binding", binding)):
            apply(
                released, name, {**kind, "kind": f"ValidatingAdmissionPolicy{suffix}", "spec": spec}
            )
        pod = ("--namespace", name, "run", "x", "--image=x", "--dry-run=server")
        wait_until(lambda: "no pods on Fridays" in released.run("kubectl", *pod).output, 30)
        deploy(released, name, "refused", lambda _: None)
        text = waited(released, name, "refused")
        assert "An admission policy refuses the pods" in text
        assert "no pods on Fridays" in text
    finally:
        for suffix in ("", "binding"):
            released.run("kubectl", "delete", f"validatingadmissionpolicy{suffix}", name)
        released.run("kubectl", "delete", "namespace", name, "--wait=false")


@pytest.mark.full
def test_a_network_policy_that_forgets_the_model_store(released: Sandbox, namespace: str) -> None:
    name = "cut-off"
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name},
        "spec": {
            "podSelector": {"matchLabels": {"app.kubernetes.io/name": name}},
            "policyTypes": ["Egress"],
        },
    }
    apply(released, namespace, policy)
    # The node learns of a new pod's address a moment after the pod starts; the server fetches once.
    server = ["uvicorn", "app.main:app", "--host", "0.0.0.0", "--port", "8080"]
    late = f"import os, time; time.sleep(8); os.execvp('uvicorn', {server})"
    deploy(released, namespace, name, command("python", "-c", late))
    text = waited(released, namespace, name)
    assert "The pods do not reach the model store" in text
    released.run("kubectl", "--namespace", namespace, "delete", "deployment", name)


@pytest.mark.full
def test_a_certificate_that_is_not_trusted(released: Sandbox) -> None:
    certificates = released.platform.layout.state / "certificates"
    other = released.folder / "other.crt"
    other.write_bytes((certificates / "kubelet.crt").read_bytes())
    released.configure(ingressAuthority=str(other))
    try:
        result = released.mlifecycle("verify", "--stack", released.stack)
    finally:
        released.configure(ingressAuthority=str(certificates / "ca.crt"))
    assert result.code == 1, result.output
    assert "The certificate of the host is not one that this machine trusts" in result.output


@pytest.mark.full
def test_a_node_that_is_gone(released: Sandbox, namespace: str) -> None:
    """Its kubelet stopped: the last test of all, because nothing else runs meanwhile."""
    deploy(released, namespace, "lost", command("sleep", "600"))
    wait_until(lambda: "lost" in running_pods(released, namespace), 60)
    (kubelet,) = [
        process
        for process in platform_namespace.processes(released.platform.layout)
        if Path(f"/proc/{process}/comm").read_text().strip() == "kubelet"
    ]
    os.kill(kubelet, signal.SIGSTOP)
    try:
        text = waited(released, namespace, "lost", seconds=180)
    finally:
        os.kill(kubelet, signal.SIGCONT)
    assert "The node of the pod does not answer" in text
    assert "kubectl describe node" in text
    released.run("kubectl", "--namespace", namespace, "delete", "deployment", "lost")


def running_pods(sandbox: Sandbox, namespace: str) -> str:
    return sandbox.kubectl(
        "--namespace",
        namespace,
        "get",
        "pods",
        "--field-selector",
        "status.phase=Running",
        "--output",
        "name",
    )
