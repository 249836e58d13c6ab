"""Why a release does not become ready, each cause provoked on the real node.

A Deployment of the released image is changed so that it cannot become ready; what waits for a
release waits for it, and must end long before its time is up, and name the cause.
"""

import asyncio
import base64
import copy
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import kr8s.asyncio
import pytest

from mlifecycle.release.rollout import RolloutError, await_rollout
from tests.e2e.cluster import get, kubectl
from tests.sandbox import Platform, Sandbox, released_stack

SECONDS = 90
Pod = dict[str, Any]


@pytest.fixture(scope="module")
def released(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with released_stack(platform, tmp_path_factory.mktemp("diagnosed")) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def namespace(released: Sandbox) -> Iterator[str]:
    """A namespace without rules of its own, with the model store's key."""
    name = f"causes-{released.stack}"
    released.kubectl("create", "namespace", name)
    found = json.loads(
        kubectl(released, "get", "secret", "fraud-detector-model-store", "-o", "json")
    )
    found["metadata"] = {"name": found["metadata"]["name"]}
    apply(released, name, found)
    other = dict.fromkeys(found["data"], base64.b64encode(b"of-nobody-here-123").decode())
    apply(released, name, {**found, "metadata": {"name": "another-key"}, "data": other})
    try:
        yield name
    finally:
        released.run("kubectl", "delete", "namespace", name, "--wait=false")


def apply(sandbox: Sandbox, namespace: str, body: dict[str, Any]) -> None:
    file = sandbox.folder / f"{body['kind']}-{body['metadata']['name']}.json"
    file.write_text(json.dumps(body))
    sandbox.kubectl("--namespace", namespace, "apply", "--filename", str(file))


def command(*words: str) -> Callable[[Pod], None]:
    def change(pod: Pod) -> None:
        container = pod["containers"][0]
        container["command"] = list(words)

    return change


def image(name: str) -> Callable[[Pod], None]:
    def change(pod: Pod) -> None:
        registry = pod["containers"][0]["image"].partition("/")[0]
        pod["containers"][0]["image"] = name.format(registry=registry)

    return change


def small(pod: Pod) -> None:
    command("python", "-c", "bytearray(10**9)")(pod)
    pod["containers"][0]["resources"]["limits"]["memory"] = "64Mi"
    pod["containers"][0]["resources"]["requests"]["memory"] = "64Mi"


def slow(pod: Pod) -> None:
    command("sleep", "600")(pod)
    pod["containers"][0]["startupProbe"] |= {"periodSeconds": 1, "failureThreshold": 2}
    pod["terminationGracePeriodSeconds"] = 1
    del pod["containers"][0]["lifecycle"]


def large(pod: Pod) -> None:
    pod["containers"][0]["resources"]["requests"]["cpu"] = "999"
    pod["containers"][0]["resources"]["limits"]["cpu"] = "999"


def unmounted(pod: Pod) -> None:
    pod["volumes"].append({"name": "more", "secret": {"secretName": "no-such-secret"}})
    pod["containers"][0]["volumeMounts"].append({"name": "more", "mountPath": "/more"})


def misconfigured(pod: Pod) -> None:
    source = {"configMapKeyRef": {"name": "no-such-map", "key": "k"}}
    pod["containers"][0]["env"].append({"name": "MORE", "valueFrom": source})


def unprivileged_no_more(pod: Pod) -> None:
    pod["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = True


def unreachable(pod: Pod) -> None:
    """A store that nothing answers for, as behind a network policy that forgets it."""
    for variable in pod["containers"][0]["env"]:
        if variable["name"] == "MLIFECYCLE_MODEL_STORE_ENDPOINT":
            variable["value"] = "http://127.0.0.1:1"


def with_another_key(pod: Pod) -> None:
    for volume in pod["volumes"]:
        if volume["name"] == "model-store":
            volume["secret"]["secretName"] = "another-key"


def unready(pod: Pod) -> None:
    pod["containers"][0]["readinessProbe"]["httpGet"]["path"] = "/no-such-route"


# How the pod is changed, what the message must say, and within how many seconds.
CAUSES: dict[str, tuple[Callable[[Pod], None], str, float]] = {
    "image": (
        image("{registry}/none/inference-service:1"),
        "The registry does not have the image",
        30,
    ),
    "registry": (image("127.0.0.1:1/none:1"), "The node does not reach the registry", 60),
    "crash": (command("python", "-c", "raise SystemExit('boom')"), "Error: boom", 45),
    "command": (command("no-such-command"), "The container cannot be started", 40),
    "memory": (small, "The model needs more memory than it may use", 30),
    "slow start": (slow, "The server takes too long to start", 40),
    "unschedulable": (large, "No node has room for the pod", 40),
    "secret": (unmounted, 'secret "no-such-secret" not found', 60),
    "configuration": (misconfigured, 'configmap "no-such-map" not found', 30),
    "store away": (unreachable, "The pods do not reach the model store", 80),
    "store refuses": (with_another_key, "The pods may not read the model store", 60),
    "readiness": (unready, "The server starts, and does not become ready", SECONDS + 10),
}
# The others are for `make test-full`.
ALWAYS = ("image", "memory")


def waited(sandbox: Sandbox, namespace: str, name: str, seconds: float = SECONDS) -> str:
    """What is said of a Deployment that does not become ready."""

    async def wait() -> None:
        api = await kr8s.asyncio.api(kubeconfig=sandbox.environment["KUBECONFIG"])
        try:
            await await_rollout(api, namespace, name, seconds)
        finally:
            await api._session.aclose()

    with pytest.raises(RolloutError) as caught:
        asyncio.run(wait())
    return str(caught.value)


def deploy(sandbox: Sandbox, namespace: str, name: str, change: Callable[[Pod], None]) -> None:
    found = copy.deepcopy(get(sandbox, "deployment"))
    pod = found["spec"]["template"]["spec"]
    pod.pop("serviceAccountName", None)
    pod.pop("serviceAccount", None)
    change(pod)
    labels = {"app.kubernetes.io/name": name, "app.kubernetes.io/component": "inference"}
    found["spec"] |= {"replicas": 1, "selector": {"matchLabels": labels}}
    found["spec"]["template"]["metadata"]["labels"] = labels
    found["spec"]["template"]["spec"].pop("topologySpreadConstraints", None)
    body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}}
    apply(sandbox, namespace, {**body, "spec": found["spec"]})


@pytest.mark.parametrize(
    "name",
    [name if name in ALWAYS else pytest.param(name, marks=pytest.mark.full) for name in CAUSES],
)
def test_the_cause_is_named_as_soon_as_it_is_certain(
    released: Sandbox, namespace: str, name: str
) -> None:
    change, words, seconds = CAUSES[name]
    own = name.replace(" ", "-")
    deploy(released, namespace, own, change)
    started = time.monotonic()
    try:
        text = waited(released, namespace, own)
        assert words in text, text
        assert text.startswith("❌ Deployment health check failed\n\nPod Status: ")
        assert "No pod of an earlier release serves." in text
        assert time.monotonic() - started < seconds, text
    finally:
        delete = ("delete", "deployment", own, "--wait=false")
        released.run("kubectl", "--namespace", namespace, *delete)


def test_pods_that_the_cluster_refuses(released: Sandbox) -> None:
    """By a quota, and by Pod Security."""
    name = f"refusing-{released.stack}"
    released.kubectl("create", "namespace", name)
    try:
        hard = {"spec": {"hard": {"requests.cpu": "1m"}}}
        kind = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "small"}}
        apply(released, name, {**kind, **hard})
        deploy(released, name, "quota", lambda _: None)
        assert "The namespace's quota is used up" in waited(released, name, "quota")
        released.kubectl("--namespace", name, "delete", "resourcequota", "small")
        label = "pod-security.kubernetes.io/enforce=restricted"
        released.kubectl("label", "namespace", name, label)
        deploy(released, name, "privileged", unprivileged_no_more)
        text = waited(released, name, "privileged")
        assert "Pod Security does not admit the pods" in text
        assert "allowPrivilegeEscalation" in text
    finally:
        released.run("kubectl", "delete", "namespace", name, "--wait=false")


def test_the_release_before_it_serves_on(released: Sandbox, tmp_path: Path) -> None:
    """A change that breaks the running release leaves it as it was, and says so."""
    found = get(released, "deployment")
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "inference"}]}}}}
    patch["spec"]["template"]["spec"]["containers"][0] |= {"command": ["false"]}
    (tmp_path / "patch.json").write_text(json.dumps(patch))
    kubectl(
        released,
        "patch",
        "deployment",
        "fraud-detector",
        "--patch-file",
        str(tmp_path / "patch.json"),
    )
    try:
        text = waited(released, released.namespace, "fraud-detector")
        assert "The server ends by itself (exit code 1)" in text
        assert "The release before it serves on, with 1 pods." in text
    finally:
        kubectl(released, "rollout", "undo", "deployment/fraud-detector")
    assert found["spec"]["template"]["spec"]["containers"][0]["name"] == "inference"
