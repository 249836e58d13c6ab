"""Two pods under load: what may happen to them, callers do not notice."""

import base64
import hashlib
import json
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.e2e.cluster import (
    container,
    get,
    is_drained,
    kubectl,
)
from tests.e2e.traffic import ask_outside, host, outside, traffic
from tests.sandbox import Platform, Sandbox, model_store, wait_until
from tests.unit.inference import onnx_bytes as onnx

MODEL = "fraud-detector"
KEY = secrets.token_hex(16)
SECONDS = 120


def constant(value: float) -> bytes:
    """An ONNX model of two numbers that answers with the second and `value` together."""
    nodes = [onnx.node("Add", ["x", "w"], ["y"])]
    places = [onnx.value_info("x", ["N", 2])], [onnx.value_info("y", ["N", 2])]
    return onnx.model(onnx.graph(nodes, *places, [onnx.tensor("w", [value, value])]))


def store_model(sandbox: Sandbox, name: str, value: float) -> str:
    """Put a model that adds `value` into the store; where it is."""
    folder = model_store(sandbox.platform.layout) / sandbox.stack / name
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(constant(value))
    golden = {
        "feature_names": ["a", "b"],
        "inputs": [[1.0, 2.0], [3.0, 4.0]],
        "outputs": [[1.0 + value, 2.0 + value], [3.0 + value, 4.0 + value]],
        "tolerance": 1e-6,
    }
    (folder / "golden.json").write_text(json.dumps(golden))
    return f"{sandbox.stack}/{name}"


def write_version(sandbox: Sandbox, version: str, place: str) -> None:
    scale = "{min_replicas: 2, max_replicas: 3, target_cpu_utilization: 30}"
    inference = f"{{autoscaling: {scale}, auth: api-key, grpc: true, limits: {{max_rows: 1500}}}}"
    sandbox.write_manifest(
        ('version: "2.1.0"', f'version: "{version}"'),
        ("fraud-detector/v2.1.0", place),
        ("spec:\n", f"spec:\n  inference: {inference}\n"),
    )


@pytest.fixture(scope="module")
def served(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A model with two pods, which more may join, for callers with a key."""
    sandbox = Sandbox(platform, tmp_path_factory.mktemp("served"))
    write_version(sandbox, "1.0.0", store_model(sandbox, "one", 1.0))
    try:
        result = sandbox.up()
        assert result.code != 0, result.output
        assert "the stack has no key for fraud-detector" in result.output
        keys = json.dumps({MODEL: [secrets.token_hex(16), KEY]})
        result = sandbox.pulumi("config", "set", "--secret", "mlifecycle:apiKeys", keys)
        assert result.code == 0, result.output
        result = sandbox.up()
        assert result.code == 0, result.output
        yield sandbox
    finally:
        sandbox.remove()


def pods(sandbox: Sandbox) -> list[str]:
    """The names of the pods that are ready and not about to go."""
    selector = f"app.kubernetes.io/name={MODEL}"
    found = json.loads(kubectl(sandbox, "get", "pods", "--selector", selector, "-o", "json"))
    return [
        item["metadata"]["name"]
        for item in found["items"]
        if "deletionTimestamp" not in item["metadata"]
        and any(
            condition["type"] == "Ready" and condition["status"] == "True"
            for condition in item["status"].get("conditions", ())
        )
    ]


def test_from_outside_it_answers_by_https_with_a_certificate_of_its_host(served: Sandbox) -> None:
    with outside(served, KEY) as client:
        ready = ask_outside(client, host(served), "/ready")
        assert ready == {"status": "ready", "model": MODEL, "version": "1.0.0"}
        answer = ask_outside(client, host(served), "/predict", instances=[[1.0, 2.0]])
        assert answer["predictions"] == [[2.0, 3.0]]
        client.headers["x-api-key"] = KEY[:-1]
        with pytest.raises(httpx.HTTPStatusError, match="401"):
            ask_outside(client, host(served), "/predict", instances=[[1.0, 2.0]])
        assert ask_outside(client, host(served), "/health") == {"status": "healthy"}
    with (
        outside(served, KEY) as client,
        pytest.raises(httpx.ConnectError, match="Hostname mismatch"),
    ):
        ask_outside(client, "models.elsewhere.example.com", "/ready")
    with pytest.raises(httpx.TransportError):
        httpx.get(f"http://{served.platform.layout.node_ip}/ready", timeout=3)


def test_a_release_and_two_rollbacks_by_hand_lose_no_request(
    served: Sandbox, tmp_path: Path
) -> None:
    """And each changes what `/ready` says and what is predicted."""
    repository = container(served)["image"].split("@")[0].rpartition(":")[0]
    with outside(served, KEY) as client, traffic(served, KEY, tmp_path) as outcome:

        def says(version: str, value: float) -> None:
            status = ("rollout", "status", f"deployment/{MODEL}", f"--timeout={SECONDS}s")
            kubectl(served, *status)
            wait_until(lambda: is_drained(served), SECONDS)
            assert ask_outside(client, host(served), "/ready")["version"] == version
            answer = ask_outside(client, host(served), "/predict", instances=[[1.0, 2.0]])
            assert answer["predictions"] == [[1.0 + value, 2.0 + value]]

        write_version(served, "2.0.0", store_model(served, "two", 5.0))
        result = served.up()
        assert result.code == 0, result.output
        says("2.0.0", 5.0)
        kubectl(served, "rollout", "undo", f"deployment/{MODEL}")
        says("1.0.0", 1.0)
        image = f"inference={repository}:2.0.0-{served.stack}"
        kubectl(served, "set", "image", f"deployment/{MODEL}", image)
        says("2.0.0", 5.0)
    assert outcome.failures == []
    assert {answer["version"] for answer in outcome.answers} == {"1.0.0", "2.0.0"}


def test_pods_that_are_evicted_one_by_one_lose_no_request(served: Sandbox, tmp_path: Path) -> None:
    with traffic(served, KEY, tmp_path) as outcome:
        for name in pods(served):
            eviction = {
                "apiVersion": "policy/v1",
                "kind": "Eviction",
                "metadata": {"name": name, "namespace": served.namespace},
            }
            (tmp_path / "eviction.json").write_text(json.dumps(eviction))
            # It is told of new pods a moment after they are ready.
            wait_until(lambda: get(served, "pdb")["status"]["disruptionsAllowed"] > 0, SECONDS)
            path = f"/api/v1/namespaces/{served.namespace}/pods/{name}/eviction"
            kubectl(served, "create", "--raw", path, "-f", str(tmp_path / "eviction.json"))
            wait_until(lambda gone=name: len(set(pods(served)) - {gone}) >= 2, SECONDS)
        # And go on: what took the evicted ones' place answers too.
        wait_until(lambda: is_drained(served) and len(outcome.answers) > 50, SECONDS)
    assert outcome.failures == []


def test_pods_are_added_under_load_and_taken_away_again(served: Sandbox, tmp_path: Path) -> None:
    def wanted() -> int:
        return int(get(served, "hpa")["status"].get("desiredReplicas", 0))

    wait_until(lambda: wanted() == 2, SECONDS)
    with traffic(served, KEY, tmp_path, rows=1500) as outcome:
        wait_until(lambda: wanted() == 3 and len(pods(served)) == 3, SECONDS)
    assert outcome.failures == []
    wait_until(lambda: wanted() == 2 and len(pods(served)) == 2, SECONDS)


@contextmanager
def caller(sandbox: Sandbox, namespace: str, folder: Path) -> Iterator[tuple[str, ...]]:
    """A pod in a namespace; gives the start of a command in it."""
    name = f"caller-{sandbox.stack}"
    body = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "containers": [
                {
                    "name": "caller",
                    "image": container(sandbox)["image"],
                    "command": ["sleep", "600"],
                }
            ],
            "terminationGracePeriodSeconds": 0,
        },
    }
    file = folder / f"{namespace}.json"
    file.write_text(json.dumps(body))
    sandbox.run("kubectl", "create", "namespace", namespace)
    try:
        sandbox.kubectl("apply", "--filename", str(file))
        ready = ("wait", "--for=condition=Ready", f"pod/{name}", f"--timeout={SECONDS}s")
        sandbox.kubectl("--namespace", namespace, *ready)
        yield ("kubectl", "--namespace", namespace, "exec", name, "--")
    finally:
        sandbox.run("kubectl", "--namespace", namespace, "delete", "pod", name, "--wait=false")


GET = "import sys, urllib.request as r; r.urlopen(f'http://{sys.argv[1]}/health', timeout=4).read()"
# In the image of the model, which has what a caller by gRPC needs.
CALL = """
import sys, grpc
from app.grpc_messages import SERVICE, message
call = grpc.insecure_channel(sys.argv[1] + ":9000").unary_unary(
    f"/{SERVICE}/ServerReady",
    request_serializer=message("ServerReadyRequest").SerializeToString,
    response_deserializer=message("ServerReadyResponse").FromString,
)
assert call(message("ServerReadyRequest")(), timeout=4).ready
"""


def test_no_key_is_in_the_state_or_the_cluster(served: Sandbox) -> None:
    state = served.pulumi("stack", "export").output
    digest = hashlib.sha256(KEY.encode()).hexdigest()
    assert f"{MODEL}-callers" in state
    for text in (state, kubectl(served, "get", "secret,deployment,pod", "--output", "json")):
        assert KEY not in text
        assert digest not in text
        assert base64.b64encode(KEY.encode()).decode() not in text


def test_pods_of_named_namespaces_may_call_and_no_others(served: Sandbox, tmp_path: Path) -> None:
    stranger = f"stranger-{served.stack}"
    address = f"{MODEL}.{served.namespace}.svc"
    try:
        for namespace, may in (("monitoring", True), (stranger, False)):
            with caller(served, namespace, tmp_path) as command:
                for program in (GET, CALL):
                    ask = (*command, "python", "-c", program, address)
                    if may:
                        # A policy reaches new pods a moment after they start.
                        wait_until(lambda ask=ask: served.run(*ask).code == 0, 30)
                    else:
                        result = served.run(*ask)
                        assert result.code != 0, result.output
                        assert re.search("refused|timed out|DEADLINE_EXCEEDED", result.output)
    finally:
        served.run("kubectl", "delete", "namespace", stranger, "--wait=false")
