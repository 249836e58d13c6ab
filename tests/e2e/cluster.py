"""Questions to the cluster, and requests from its node, where a stack is released."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.sandbox import Sandbox


def get(sandbox: Sandbox, kind: str, name: str = "fraud-detector") -> dict[str, Any]:
    return dict(json.loads(kubectl(sandbox, "get", kind, name, "--output", "json")))


def kubectl(sandbox: Sandbox, *arguments: str) -> str:
    """Run kubectl in the stack's namespace; it must succeed."""
    return sandbox.kubectl("--namespace", sandbox.namespace, *arguments)


def is_drained(sandbox: Sandbox) -> bool:
    """Whether no pod is about to go any more."""
    column = "jsonpath={.items[*].metadata.deletionTimestamp}"
    return kubectl(sandbox, "get", "pods", "--output", column) == ""


def address(sandbox: Sandbox) -> str:
    """The Service's cluster address."""
    return f"http://{get(sandbox, 'service')['spec']['clusterIP']}"


def start_client(sandbox: Sandbox, **asked: Any) -> "subprocess.Popen[str]":
    """A client on the node; see node_client.py."""
    process = subprocess.Popen(
        [
            *("ip", "netns", "exec", sandbox.platform.layout.name),
            *(sys.executable, str(Path(__file__).with_name("node_client.py"))),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    with process.stdin as stream:
        stream.write(json.dumps(asked))
    process.stdin = None
    return process


def answer_of(process: "subprocess.Popen[str]") -> dict[str, Any]:
    output, _ = process.communicate(timeout=60)
    return dict(json.loads(output))


def ask(sandbox: Sandbox, path: str, **body: Any) -> Any:
    """The answer to one request from the node."""
    return answer_of(start_client(sandbox, url=f"{address(sandbox)}{path}", **body))["last"]


def container(sandbox: Sandbox) -> dict[str, Any]:
    (found,) = get(sandbox, "deployment")["spec"]["template"]["spec"]["containers"]
    return dict(found)


def in_pod(sandbox: Sandbox, *command: str) -> str:
    return kubectl(sandbox, "exec", "deployment/fraud-detector", "--", *command)
