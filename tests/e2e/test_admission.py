"""The cluster itself refuses what was not released, in production, and only notes it elsewhere."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlifecycle.release.admission import policy_name
from tests.sandbox import Platform, Result, Sandbox, released_stack

FOREIGN = "ghcr.io/evil/miner:1"
CONTAINER = {
    "name": "x",
    "securityContext": {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    },
}
POD = {"securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}}
LABELS = {"app.kubernetes.io/name": "x"}


def pod(image: str, **changes: Any) -> dict[str, Any]:
    """A pod that Pod Security has nothing against."""
    return {**POD, "containers": [{**CONTAINER, "image": image}], **changes}


def template(image: str) -> dict[str, Any]:
    return {"metadata": {"labels": LABELS}, "spec": pod(image)}


def job(image: str) -> dict[str, Any]:
    inner = {**pod(image), "restartPolicy": "Never"}
    return {"template": {"spec": inner}}


def selected(image: str) -> dict[str, Any]:
    return {"selector": {"matchLabels": LABELS}, "template": template(image)}


def objects(image: str, released: str) -> dict[str, tuple[str, dict[str, Any]]]:
    """An object of each kind that is or makes a pod of an image, with its API version."""
    return {
        "Pod": ("v1", {"spec": pod(image)}),
        "Pod/init": (
            "v1",
            {"spec": pod(released, initContainers=[{**CONTAINER, "name": "y", "image": image}])},
        ),
        "PodTemplate": ("v1", {"template": template(image)}),
        "ReplicationController": ("v1", {"spec": {"template": template(image)}}),
        "Deployment": ("apps/v1", {"spec": selected(image)}),
        "ReplicaSet": ("apps/v1", {"spec": selected(image)}),
        "DaemonSet": ("apps/v1", {"spec": selected(image)}),
        "StatefulSet": ("apps/v1", {"spec": {**selected(image), "serviceName": "x"}}),
        "Job": ("batch/v1", {"spec": job(image)}),
        "CronJob": (
            "batch/v1",
            {"spec": {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": job(image)}}},
        ),
    }


KINDS = tuple(objects("", ""))
POLICIES = ("validatingadmissionpolicy", "validatingadmissionpolicybinding")


@pytest.fixture(scope="module")
def guarded(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A production stack with one released model."""
    folder = tmp_path_factory.mktemp("guarded")
    with released_stack(platform, folder, committed="prod") as sandbox:
        yield sandbox
        for kind in POLICIES:
            sandbox.run("kubectl", "delete", kind, policy_of(sandbox))


def policy_of(sandbox: Sandbox) -> str:
    return policy_name(sandbox.stack, sandbox.namespace)


def kubectl(sandbox: Sandbox, *arguments: str) -> Result:
    return sandbox.run("kubectl", "--namespace", sandbox.namespace, *arguments)


def create(sandbox: Sandbox, folder: Path, kind: str, image: str, *flags: str) -> Result:
    version, body = objects(image, running(sandbox))[kind]
    document = {
        "apiVersion": version,
        "kind": kind.split("/", maxsplit=1)[0],
        "metadata": {"name": "x"},
        **body,
    }
    (folder / "object.json").write_text(json.dumps(document))
    return kubectl(sandbox, "create", "--filename", str(folder / "object.json"), *flags)


def running(sandbox: Sandbox) -> str:
    path = "jsonpath={.spec.template.spec.containers[0].image}"
    found = kubectl(sandbox, "get", "deployment", "fraud-detector", "--output", path)
    assert found.code == 0, found.output
    return found.output


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_not_released_is_refused_whoever_asks(
    guarded: Sandbox, tmp_path: Path, kind: str
) -> None:
    result = create(guarded, tmp_path, kind, FOREIGN)
    assert result.code != 0, result.output
    assert f"stack {guarded.stack} has not released {FOREIGN}" in result.output
    # A preview's dry run comes before the list knows what it is about.
    assert create(guarded, tmp_path, kind, FOREIGN, "--dry-run=server").code == 0
    # Neither the right name with another digest, nor the right digest under another name.
    name, digest = running(guarded).split("@")
    for image in (f"{name}@sha256:{'0' * 64}", f"ghcr.io/evil/miner@{digest}"):
        assert create(guarded, tmp_path, kind, image).code != 0


def test_what_runs_is_not_changed_into_what_was_not_released(guarded: Sandbox) -> None:
    """A workload's template, and the one field of a running pod that may change."""
    before = running(guarded)
    (pod_, *_) = kubectl(guarded, "get", "pods", "--output", "name").output.split()
    for target in ("deployment/fraud-detector", pod_):
        changed = kubectl(guarded, "set", "image", target, f"inference={FOREIGN}")
        assert changed.code != 0, changed.output
        assert f"stack {guarded.stack} has not released {FOREIGN}" in changed.output
    assert running(guarded) == before


def test_nobody_slips_a_container_into_a_pod_that_runs(guarded: Sandbox) -> None:
    names = kubectl(guarded, "get", "pods", "--output", "name").output.split()
    debug = kubectl(guarded, "debug", names[0], f"--image={FOREIGN}", "--profile=restricted")
    assert debug.code != 0, debug.output
    assert f"has not released {FOREIGN}" in debug.output


def test_what_changes_nothing_about_images_is_let_through(guarded: Sandbox) -> None:
    for kind in ("pods", "deployment"):
        assert kubectl(guarded, "label", kind, "--all", "note=x").code == 0


@pytest.fixture(scope="module")
def audited(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A development stack with the same model, in the same cluster."""
    with released_stack(platform, tmp_path_factory.mktemp("audited")) as sandbox:
        yield sandbox


def test_where_the_list_only_audits_a_person_is_warned(
    guarded: Sandbox, audited: Sandbox, tmp_path: Path
) -> None:
    """The production stack's policy leaves the development one's namespace alone."""
    result = create(audited, tmp_path, "PodTemplate", FOREIGN)
    assert result.code == 0, result.output
    assert f"stack {audited.stack} has not released {FOREIGN}" in result.output
    assert guarded.stack not in result.output


def test_a_stack_that_goes_takes_nothing_of_another(guarded: Sandbox, audited: Sandbox) -> None:
    def all_of(sandbox: Sandbox) -> set[str]:
        kinds = "pods,deployments,services,configmaps,secrets,ingresses,networkpolicies"
        found = kubectl(sandbox, "get", kinds, "--output", "name")
        assert found.code == 0, found.output
        return set(found.output.split())

    before = all_of(guarded)
    result = audited.pulumi("destroy", "--yes")
    assert result.code == 0, result.output
    assert guarded.run("kubectl", "get", "namespace", audited.namespace).code != 0
    assert all_of(guarded) == before
    for kind in POLICIES:
        assert kubectl(guarded, "get", kind, policy_of(guarded)).code == 0
        assert kubectl(guarded, "get", kind, policy_of(audited)).code != 0


def test_the_commands_of_a_rollback_by_hand_are_let_through(guarded: Sandbox) -> None:
    repository = running(guarded).split("@")[0].rpartition(":")[0]
    guarded.write_manifest(('version: "2.1.0"', 'version: "2.1.1"'))
    result = guarded.mlifecycle("up", "--stack", guarded.stack)
    assert result.code == 0, result.output
    assert ":2.1.1-" in running(guarded)
    image = f"inference={repository}:2.1.0"
    assert kubectl(guarded, "set", "image", "deployment/fraud-detector", image).code == 0
    status = ("rollout", "status", "deployment/fraud-detector", "--timeout=120s")
    done = kubectl(guarded, *status)
    assert done.code == 0, done.output
    assert kubectl(guarded, "rollout", "undo", "deployment/fraud-detector").code == 0
    done = kubectl(guarded, *status)
    assert done.code == 0, done.output
    assert ":2.1.1-" in running(guarded)


class ChangedList:
    """Changes the list when a release has its last name, just before its Deployment.

    Args:
        back_in: after how many seconds it is as the program wrote it; None for not by itself.
    """

    def __init__(
        self, sandbox: Sandbox, folder: Path, version: str, *, back_in: int | None
    ) -> None:
        real = shutil.which("regctl", path=sandbox.environment["PATH"])
        listed = f"validatingadmissionpolicy {policy_of(sandbox)}"
        variable = {"name": "of_fraud_detector", "expression": json.dumps([FOREIGN])}
        change = json.dumps({"spec": {"variables": [variable]}})
        # As the program's own field manager, which must not find the field another's.
        self._back = (
            f"kubectl apply --server-side --force-conflicts --field-manager $(cat {folder}/owner)"
            f" --filename {folder}/list"
        )
        later = f"setsid sh -c 'sleep {back_in}; {self._back}' &" if back_in else ""
        # Admitted as soon as the API server has heard of the change.
        foreign = {
            "apiVersion": "v1",
            "kind": "PodTemplate",
            "metadata": {"generateName": "x-", "namespace": sandbox.namespace},
            "template": template(FOREIGN),
        }
        (folder / "foreign").write_text(json.dumps(foreign))
        (folder / "regctl").write_text(f"""#!/bin/bash
            case " $* " in *" copy "*":{version} "*) ;; *) exec {real} "$@";; esac
            {real} "$@"
            kubectl get {listed} --output yaml |
                sed '/resourceVersion:/d; /uid:/d; /creationTimestamp:/d' > {folder}/list
            kubectl get {listed} --show-managed-fields \\
                --output jsonpath='{{.metadata.managedFields[*].manager}}' |
                grep --only-matching 'pulumi[^ ]*' > {folder}/owner
            kubectl patch {listed} --type strategic --patch '{change}' >&2
            until kubectl create --filename {folder}/foreign >&2; do sleep 0.2; done
            {later}
            """)
        (folder / "regctl").chmod(0o755)
        self._sandbox = sandbox
        sandbox.variables["PATH"] = f"{folder}:{sandbox.environment['PATH']}"

    def undo(self) -> None:
        """Change nothing any more; the list is as the program wrote it."""
        del self._sandbox.variables["PATH"]
        result = self._sandbox.run("sh", "-c", self._back)
        assert result.code == 0, result.output


def test_a_denial_of_the_deployment_is_retried_for_ten_seconds(
    guarded: Sandbox, tmp_path: Path
) -> None:
    """After a rollback by hand, too, which makes the image's field kubectl's."""
    repository = running(guarded).split("@")[0].rpartition(":")[0]
    image = f"inference={repository}:2.1.0"
    assert kubectl(guarded, "set", "image", "deployment/fraud-detector", image).code == 0

    guarded.write_manifest(('version: "2.1.0"', 'version: "2.1.2"'))
    changed = ChangedList(guarded, tmp_path, "2.1.2", back_in=None)
    result = guarded.mlifecycle("up", "--stack", guarded.stack)
    assert result.code == 1, result.output
    assert f"stack {guarded.stack} has not released" in result.output
    assert ":2.1.0" in running(guarded)
    changed.undo()

    guarded.write_manifest(('version: "2.1.0"', 'version: "2.1.3"'))
    changed = ChangedList(guarded, tmp_path, "2.1.3", back_in=3)
    result = guarded.mlifecycle("up", "--stack", guarded.stack)
    del guarded.variables["PATH"]
    assert result.code == 0, result.output
    assert ":2.1.3-" in running(guarded)
    # It is never gone: nothing would be admitted meanwhile.
    assert "updated ValidatingAdmissionPolicy" in result.output, result.output


def test_who_may_write_all_of_a_namespace_cannot_open_it(guarded: Sandbox, tmp_path: Path) -> None:
    """The list stands outside of it, and the label that binds it is the API server's own."""
    admin = ("rolebinding", "all-of-it", "--clusterrole=admin", "--user=eve")
    assert kubectl(guarded, "create", *admin).code == 0
    eve = ("--as", "eve")
    assert kubectl(guarded, "delete", "configmaps", "--all", *eve).code == 0
    result = create(guarded, tmp_path, "Pod", FOREIGN, *eve)
    assert result.code != 0, result.output
    assert f"has not released {FOREIGN}" in result.output
    for kind in POLICIES:
        result = kubectl(guarded, "delete", kind, policy_of(guarded), *eve)
        assert "forbidden" in result.output.lower(), result.output
    # Not even whoever may write the namespace itself.
    label = "kubernetes.io/metadata.name"
    kubectl(guarded, "label", "namespace", guarded.namespace, f"{label}=other", "--overwrite")
    named = f"{label}={guarded.namespace}"
    found = kubectl(guarded, "get", "namespaces", "--selector", named, "--output", "name")
    assert found.output.strip() == f"namespace/{guarded.namespace}"
