"""A release on a real node: what runs is what was scanned, and it answers as it must."""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from devcluster.platform.layout import OBJECT_STORE_PORT, REGISTRY_PORT
from mlifecycle.release.registration import record
from mlifecycle.tracking import client_of
from tests.e2e.cluster import (
    address,
    answer_of,
    ask,
    container,
    get,
    in_pod,
    is_drained,
    start_client,
)
from tests.sandbox import Platform, Sandbox, model_store, released_stack, wait_until


@pytest.fixture(scope="module")
def released(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with released_stack(platform, tmp_path_factory.mktemp("released")) as sandbox:
        yield sandbox


def test_health_and_readiness_answer_exactly_as_printed(released: Sandbox) -> None:
    assert ask(released, "/health") == {"status": "healthy"}
    assert ask(released, "/ready") == {
        "status": "ready",
        "model": "fraud-detector",
        "version": "2.1.0",
    }


def test_the_service_predicts_what_the_golden_samples_say(released: Sandbox) -> None:
    folder = model_store(released.platform.layout) / "fraud-detector" / "v2.1.0"
    golden = json.loads((folder / "golden.json").read_text())
    answer = ask(released, "/predict", body={"instances": golden["inputs"]})
    assert answer["predictions"] == pytest.approx(golden["outputs"], abs=golden["tolerance"])


def test_who_is_no_caller_is_refused(released: Sandbox) -> None:
    """This machine reaches the cluster's addresses from outside, and no policy lets it in."""
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{address(released)}/health", timeout=5)


def test_a_model_reaches_its_store_and_nothing_else(released: Sandbox) -> None:
    connect = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 3)"
    layout = released.platform.layout
    store = (str(layout.node_ip), str(OBJECT_STORE_PORT))
    in_pod(released, "python", "-c", connect, *store)
    registry = (str(layout.node_ip), str(REGISTRY_PORT))
    for host, port in (registry, (str(layout.host_ip), "22"), ("169.254.169.254", "80")):
        command = ("exec", "deployment/fraud-detector", "--", "python", "-c", connect, host, port)
        result = released.run("kubectl", "--namespace", released.namespace, *command)
        assert result.code != 0, (host, port)


def test_what_runs_is_what_was_scanned_and_what_the_registry_holds(released: Sandbox) -> None:
    image = container(released)["image"]
    name, digest = image.split("@")
    assert released.run("regctl", "image", "digest", name).output.strip() == digest
    outputs = json.loads(released.pulumi("stack", "output", "--json").output)
    assert outputs["models"]["fraud-detector"]["image"] == image
    pods = json.loads(
        released.kubectl("--namespace", released.namespace, "get", "pods", "--output", "json")
    )
    assert pods["items"]
    for pod in pods["items"]:
        assert pod["status"]["containerStatuses"][0]["imageID"].endswith(digest)


def test_the_image_says_what_it_is_by_the_image_specifications_names(released: Sandbox) -> None:
    image = container(released)["image"]
    config = json.loads(released.run("regctl", "image", "config", image).output)
    labels = config["config"]["Labels"]
    prefix = "org.opencontainers.image."
    assert labels[f"{prefix}title"] == "fraud-detector"
    assert labels[f"{prefix}version"] == "2.1.0"
    assert labels[f"{prefix}base.digest"].startswith("sha256:")


def test_the_container_is_unprivileged_on_a_read_only_file_system(released: Sandbox) -> None:
    assert in_pod(released, "id").startswith("uid=10001(inference) gid=10001(inference)")
    mounts = in_pod(released, "cat", "/proc/mounts").splitlines()
    assert next(line for line in mounts if line.split()[1] == "/").split()[3].startswith("ro,")
    assert next(line for line in mounts if line.split()[1] == "/tmp").split()[3].startswith("rw,")
    assert "CapEff:\t0000000000000000" in in_pod(released, "cat", "/proc/1/status")


def test_the_server_starts_as_the_workflow_prints(released: Sandbox) -> None:
    command = in_pod(released, "cat", "/proc/1/cmdline").strip("\0").split("\0")
    start = command.index(next(part for part in command if part.endswith("uvicorn")))
    assert command[start + 1 :] == ["app.main:app", "--host", "0.0.0.0", "--port", "8080"]


def test_three_probes_and_an_update_without_a_gap_are_declared(released: Sandbox) -> None:
    found = container(released)
    assert found["name"] == "inference"
    assert {key for key in found if key.endswith("Probe")} == {
        *("startupProbe", "readinessProbe", "livenessProbe")
    }
    strategy = get(released, "deployment")["spec"]["strategy"]
    assert strategy["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


def test_a_second_up_changes_nothing(released: Sandbox) -> None:
    result = released.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes")
    assert result.code == 0, result.output
    again = released.mlifecycle("up", "--stack", released.stack)
    assert again.code == 0, again.output
    assert "nothing has changed" in again.output
    assert "Verified:   all 8 golden samples" in again.output
    assert "champion-" in again.output
    # What refuses nothing is said all the same.
    assert "- fraud-detector: CVE-2025-6297 in dpkg==" in again.output


def test_what_was_released_is_told_and_verified_by_hand(released: Sandbox) -> None:
    stack = ("--stack", released.stack)
    told = released.mlifecycle("history", *stack, "--check")
    assert told.code == 0, told.output
    assert "release   fraud-detector 2.1.0" in told.output
    assert "1 records, each as it was written, and none is missing" in told.output
    verified = released.mlifecycle("verify", *stack)
    assert (verified.code, verified.output) == (0, "✓ fraud-detector: all 8 golden samples\n")
    status = released.mlifecycle("status", *stack)
    assert status.code == 0, status.output
    # Of its start, the autoscaler may make one more.
    assert re.search(r"✓ fraud-detector 2\.1\.0: (\d) of \1 pods ready", status.output)
    assert f"Stack {released.stack}: 1 of 1 models are well" in status.output
    (model,) = json.loads(released.mlifecycle("status", *stack, "--format", "json").output)[
        "models"
    ]
    assert (model["is_well"], model["signature"], model["outstanding"]) == (True, "unsigned", [])
    assert model["runs"] == model["image"] == container(released)["image"]
    unknown = released.mlifecycle("verify", "fraud", *stack)
    assert unknown.code == 2
    assert "has no model 'fraud': it has fraud-detector" in unknown.output


def test_the_registry_knows_it_as_the_workflow_prints_it(released: Sandbox) -> None:
    outputs = json.loads(released.pulumi("stack", "output", "--json").output)
    told = outputs["registrations"]["fraud-detector"]
    assert told == record("fraud-detector", "2.1.0", "pytorch", "development", told["deployed_at"])
    client = client_of(released.platform.layout.tracking)
    alias = f"champion-{released.stack}"
    version = client.get_model_version_by_alias("fraud-detector", alias)
    assert version.tags["version"] == "2.1.0"
    assert version.tags[f"{released.stack}.deployed_at"] == told["deployed_at"]


def test_a_model_worse_than_the_one_that_runs_is_refused(released: Sandbox) -> None:
    released.write_manifest(("accuracy: 0.94", "accuracy: 0.91"))
    try:
        result = released.mlifecycle("up", "--stack", released.stack)
        preview = released.preview()
    finally:
        released.write_manifest()
    assert result.code == 1, result.output
    expected = "accuracy 0.91 is more than 0.02 below the running release's 0.94"
    assert result.output.count(expected) == 1
    assert preview.code != 0
    assert expected in preview.output


def test_the_history_says_what_each_update_did(released: Sandbox) -> None:
    history = json.loads(released.pulumi("stack", "history", "--json").output)
    assert history[-1]["kind"] == "update"
    assert history[-1]["result"] == "succeeded"


def test_the_key_of_the_model_store_is_a_secret_in_the_state(released: Sandbox) -> None:
    key = (released.platform.folder / "secrets" / "object-store-key").read_text().split(",")[1]
    state = released.pulumi("stack", "export").output
    assert "fraud-detector-model-store" in state
    assert key not in state
    assert key not in json.dumps(container(released))


def test_a_rolling_update_loses_no_request(released: Sandbox, tmp_path: Path) -> None:
    """Last in this module: it changes the release."""
    until = tmp_path / "enough"
    client = start_client(
        released,
        url=f"{address(released)}/predict",
        body={"instances": [[0.0] * 10]},
        until=str(until),
    )
    try:
        before = get(released, "deployment")["metadata"]["generation"]
        released.configure(memory="300Mi")
        result = released.up()
        assert result.code == 0, result.output
        wait_until(lambda: is_drained(released), 60)
    finally:
        until.touch()
        outcome = answer_of(client)
    assert get(released, "deployment")["metadata"]["generation"] > before
    assert outcome["failures"] == []
    assert outcome["answered"] > 200


def remove(artifact: Path) -> str:
    """Take the model away; what the server then says."""
    shutil.rmtree(artifact)
    return "Model file not found at {uri}/model.onnx"


def change_a_byte(artifact: Path) -> str:
    """Change the model by its last byte; what the server then says."""
    model = artifact / "model.onnx"
    content = model.read_bytes()
    model.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    return "Model artifact digest mismatch at {uri}: expected sha256:"


@pytest.mark.parametrize("tamper", [remove, change_a_byte])
def test_a_model_that_changes_after_the_gate_never_becomes_ready(
    sandbox: Sandbox, tamper: Callable[[Path], str]
) -> None:
    source = model_store(sandbox.platform.layout) / "fraud-detector" / "v2.1.0"
    target = model_store(sandbox.platform.layout) / sandbox.stack / "v1"
    shutil.copytree(source, target)
    sandbox.write_manifest(("fraud-detector/v2.1.0", f"{sandbox.stack}/v1"))
    sandbox.initialise()
    lines, expected = [], ""
    with sandbox.start("pulumi", "up", "--yes", "--stack", sandbox.stack) as process:
        assert process.stdout
        for line in process.stdout:
            lines.append(line)
            # The gate has passed when the objects behind it are made.
            if "Secret fraud-detector-model-store created" in line and not expected:
                expected = tamper(target)
    output = "".join(lines)
    assert process.returncode != 0, output
    assert expected, output
    assert "❌ Deployment health check failed" in output
    assert f"Error: {expected.format(uri=f's3://mlifecycle-models/{sandbox.stack}/v1')}" in output
    namespace = ("--namespace", sandbox.namespace)
    deployment = get(sandbox, "deployment")
    assert deployment["status"].get("readyReplicas", 0) == 0
    logs = sandbox.kubectl(*namespace, "logs", "deployment/fraud-detector", "--previous")
    uri = f"s3://mlifecycle-models/{sandbox.stack}/v1"
    assert logs.strip().splitlines()[-1].startswith(expected.format(uri=uri))
