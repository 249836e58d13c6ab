"""What the cluster says of a release's pods, and the cause that is read out of it.

The objects are cut down from what a cluster gave; tests/e2e/test_diagnosis.py provokes them.
"""

from typing import Any

import pytest

from mlifecycle.release.diagnosis import diagnose, undecided
from mlifecycle.release.last_words import MODEL_ACTIONS
from mlifecycle.release.observation import Diagnosis, Observation, is_complete
from mlifecycle.report.rollout import failure_text

NAME = "fraud-detector-abc"
DEPLOYMENT = {"metadata": {"generation": 2}, "spec": {"replicas": 1}}


def pod(**status: Any) -> dict[str, Any]:
    return {"metadata": {"name": NAME}, "spec": {"nodeName": "one"}, "status": status}


def container(
    state: dict[str, Any], last: dict[str, Any] | None = None, restarts: int = 0
) -> dict[str, Any]:
    found = {"name": "inference", "state": state, "restartCount": restarts}
    return pod(phase="Running", containerStatuses=[{**found, "lastState": last or {}}])


def waiting(reason: str, message: str = "") -> dict[str, Any]:
    return {"waiting": {"reason": reason, "message": message}}


def ended(code: int, reason: str = "Error") -> dict[str, Any]:
    return {"terminated": {"exitCode": code, "reason": reason}}


def event(reason: str, message: str) -> dict[str, Any]:
    return {
        "reason": reason,
        "message": message,
        "type": "Warning",
        "involvedObject": {"name": NAME},
    }


def of_pods(*pods: dict[str, Any], log: str = "", **more: Any) -> Observation:
    return Observation(DEPLOYMENT, pods=pods, logs={NAME: log} if log else {}, **more)


BACK_OFF = waiting("CrashLoopBackOff", "back-off 10s restarting failed container")
FULL = 'pods "a" is forbidden: exceeded quota: small, requested: cpu=1, used: cpu=1, limited: cpu=1'


def refused(message: str) -> Observation:
    condition = {"type": "ReplicaFailure", "status": "True", "message": message}
    return Observation(DEPLOYMENT, replica_set={"status": {"conditions": [condition]}})


def node(status: str) -> dict[str, Any]:
    condition = {"type": "Ready", "status": status, "message": "Kubelet stopped posting"}
    return {"one": {"status": {"conditions": [condition]}}}


def unscheduled(*events: dict[str, Any]) -> Observation:
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
    words = {**condition, "message": "0/1 nodes are available: 1 Insufficient cpu."}
    return of_pods(pod(phase="Pending", conditions=[words]), events=events)


PULL = 'Failed to pull image "r/m:1": rpc error: code = NotFound desc = r/m:1: not found'
LOGIN = 'Failed to pull image "r/m:1": failed to authorize: unexpected status: 401 Unauthorized'
AWAY = 'Failed to pull image "r/m:1": dial tcp 10.0.0.1:5000: connect: connection refused'
CASES = {
    "image not there": (
        of_pods(container(waiting("ImagePullBackOff", "Back-off")), events=[event("Failed", PULL)]),
        ("ImagePullBackOff", PULL, "The registry does not have the image"),
    ),
    "wrong credentials": (
        of_pods(container(waiting("ErrImagePull", LOGIN))),
        ("ErrImagePull", LOGIN, "The registry does not let the node read the image"),
    ),
    "registry away": (
        of_pods(container(waiting("ErrImagePull", AWAY))),
        ("ErrImagePull", AWAY, "The node does not reach the registry"),
    ),
    "crash": (
        of_pods(container(BACK_OFF, ended(1), restarts=2), log="Traceback\nKeyError: 'x'\n"),
        ("CrashLoopBackOff", "KeyError: 'x'", "The server ends by itself (exit code 1)"),
    ),
    "silent crash": (
        of_pods(container(ended(139), restarts=2)),
        ("Error", "the container ended with exit code 139 and said nothing", "ends by itself"),
    ),
    "out of memory": (
        of_pods(container(BACK_OFF, ended(137, "OOMKilled"), restarts=1)),
        ("CrashLoopBackOff", "more memory than its limit", "more memory than it may use"),
    ),
    "slow start": (
        of_pods(
            container({"running": {}}, ended(137), restarts=1),
            events=[
                event("Killing", "Container inference failed startup probe, will be restarted")
            ],
        ),
        ("Error", "failed startup probe", "takes too long to start"),
    ),
    "liveness": (
        of_pods(
            container({"running": {}}, ended(137), restarts=1),
            events=[
                event("Killing", "Container inference failed liveness probe, will be restarted")
            ],
        ),
        ("Error", "failed liveness probe", "does not answer its liveness probe"),
    ),
    "readiness": (
        of_pods(
            container({"running": {}}),
            events=[event("Unhealthy", "Readiness probe failed: HTTP probe failed: 503")],
        ),
        ("Running, not ready", "503", "does not become ready"),
    ),
    "unschedulable": (unscheduled(), ("Pending", "Insufficient cpu", "No node has room")),
    "quota": (refused(FULL), ("no pod is made", "exceeded quota", "quota is used up")),
    "admission": (
        refused("ValidatingAdmissionPolicy 'x' with binding 'x' denied request: not released"),
        ("no pod is made", "not released", "An admission policy refuses the pods"),
    ),
    "pod security": (
        refused('pods "a" is forbidden: violates PodSecurity "restricted:latest": privileged'),
        ("no pod is made", "privileged", "Pod Security does not admit"),
    ),
    "node gone": (
        of_pods(container({"running": {}}), nodes=node("Unknown")),
        ("Unknown", "node one: Kubelet stopped posting", "does not answer"),
    ),
    "secret missing": (
        of_pods(
            pod(
                phase="Pending",
                containerStatuses=[
                    container(waiting("ContainerCreating"))["status"]["containerStatuses"][0]
                ],
            ),
            events=[event("FailedMount", 'MountVolume.SetUp failed: secret "k" not found')],
        ),
        ("ContainerCreating", 'secret "k" not found', "mounts is not there"),
    ),
    "configuration missing": (
        of_pods(container(waiting("CreateContainerConfigError", 'configmap "c" not found'))),
        ("CreateContainerConfigError", 'configmap "c" not found', "is not there"),
    ),
    "no command": (
        of_pods(container(waiting("RunContainerError", "exec: uvicorn: not found"))),
        ("RunContainerError", "uvicorn", "cannot be started"),
    ),
    "start error": (
        of_pods(
            container(
                BACK_OFF,
                {"terminated": {"exitCode": 128, "reason": "StartError", "message": "exec: no x"}},
                restarts=1,
            )
        ),
        ("CrashLoopBackOff", "exec: no x", "cannot be started"),
    ),
    "no name": (
        of_pods(container(waiting("InvalidImageName", "couldn't parse image name"))),
        ("InvalidImageName", "couldn't parse", "name is none"),
    ),
    "evicted": (
        of_pods(pod(phase="Failed", reason="Evicted", message="The node was low on memory")),
        ("Evicted", "low on memory", "threw the pod out"),
    ),
    "model missing": (
        of_pods(container(ended(3)), log="Model file not found at s3://b/m/model.onnx\n"),
        ("Error", "Model file not found at s3://b/m/model.onnx", "not where its manifest says"),
    ),
    "wrong digest": (
        of_pods(container(ended(3)), log="Model artifact digest mismatch at s3://b/m: expected a"),
        ("Error", "digest mismatch at s3://b/m", "not those that passed the gate"),
    ),
    "wrong golden": (
        of_pods(
            container(ended(3)), log="Golden sample 0 does not match s3://b/m: expected 1, got 2"
        ),
        ("Error", "expected 1, got 2", "does not answer as its golden samples say"),
    ),
    "store refuses": (
        of_pods(container(BACK_OFF, ended(3), 2), log="Model store refuses access to s3://b/m: A"),
        ("CrashLoopBackOff", "refuses access", "may not read the model store"),
    ),
    "network policy": (
        of_pods(
            container(BACK_OFF, ended(3), 2), log="Model store can't deliver s3://b/m: timeout"
        ),
        ("CrashLoopBackOff", "can't deliver", "do not reach the model store"),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_cause_is_read_out_of_what_the_cluster_says(name: str) -> None:
    seen, (status, error, cause) = CASES[name]
    found = diagnose(seen)
    assert found is not None
    assert found.status == status
    assert error in found.error
    assert cause in found.cause
    assert found.actions


@pytest.mark.parametrize(
    ("seen", "patience"),
    [
        # What the server says of its model, it says each time.
        (CASES["model missing"][0], 0),
        (CASES["out of memory"][0], 0),
        # A cluster that grows is given the time for it.
        (unscheduled(event("TriggeredScaleUp", "pod triggered scale-up")), 600),
        (unscheduled(), 20),
        # A store that does not answer once may answer the next time.
        (of_pods(container(ended(3)), log="Model store can't deliver s3://b/m: timeout"), 20),
        (CASES["network policy"][0], 0),
        (CASES["readiness"][0], float("inf")),
    ],
)
def test_it_is_certain_as_soon_as_it_cannot_pass(seen: Observation, patience: float) -> None:
    found = diagnose(seen)
    assert found is not None
    assert found.patience == patience


def test_a_rollout_that_goes_on_has_no_cause() -> None:
    assert diagnose(of_pods(container({"running": {}}))) is None
    assert diagnose(of_pods(container(waiting("ContainerCreating")))) is None
    assert diagnose(Observation(DEPLOYMENT)) is None
    assert diagnose(of_pods(container({"running": {}}), nodes=node("True"))) is None


def test_what_nothing_explains_says_the_last_warning() -> None:
    found = undecided(of_pods(container({"running": {}}), events=[event("Odd", "odd things")]), 60)
    assert (found.status, found.error) == ("Running", "odd things")
    assert undecided(Observation(DEPLOYMENT), 60).error == "not ready after 60 s"


@pytest.mark.parametrize(
    ("status", "is_done"),
    [
        ({}, False),
        (
            {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1},
            False,
        ),
        (
            {"observedGeneration": 2, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1},
            True,
        ),
        (
            {"observedGeneration": 2, "replicas": 2, "updatedReplicas": 1, "availableReplicas": 1},
            False,
        ),
        ({"observedGeneration": 2, "replicas": 1, "updatedReplicas": 1}, False),
    ],
)
def test_it_is_complete_when_every_pod_is_new_and_available(
    status: dict[str, int], is_done: bool
) -> None:
    assert is_complete({**DEPLOYMENT, "status": status}) is is_done


def test_the_message_is_as_the_workflow_prints_it() -> None:
    diagnosis = Diagnosis(
        "CrashLoopBackOff",
        "Model file not found at s3://...\x1b[31m\n3. rm",
        "It is gone",
        MODEL_ACTIONS,
    )
    text = failure_text(diagnosis, "No pod of an earlier release serves.")
    assert text.splitlines() == [
        "❌ Deployment health check failed",
        "",
        "Pod Status: CrashLoopBackOff",
        r"Error: Model file not found at s3://...\x1b[31m\n3. rm",
        "Probable Cause: It is gone",
        "",
        "Action Required:",
        "1. Verify model URI in manifest",
        "2. Check S3 bucket permissions",
        "3. Ensure model artifact exists",
        "",
        "No pod of an earlier release serves.",
    ]
