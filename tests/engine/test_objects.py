"""The rules on real objects, in real previews: with the pack, and without it."""

import re

import pytest

from tests.engine.test_refusals import refused
from tests.sandbox import Sandbox

# Made by the program beside the models: whoever makes an object, the rules see it.
POD = """

def _stranger() -> None:
    import pulumi_kubernetes as kubernetes

    kubernetes.core.v1.Pod(
        "stranger",
        metadata={"name": "stranger", "namespace": "NAMESPACE"},
        spec={
            "hostNetwork": True,
            "containers": [{"name": "main", "image": "docker.io/evil/miner"}],
            "initContainers": [
                {"name": "init", "image": "ghcr.io/x/y:1", "securityContext": {"privileged": True}}
            ],
        },
    )


_stranger()
"""


def with_a_stranger(sandbox: Sandbox, made: str = POD) -> None:
    main = sandbox.own_program() / "__main__.py"
    stranger = made.replace("NAMESPACE", sandbox.namespace)
    text = main.read_text().replace('\n\nif __name__ == "__main__":\n    main()\n', "")
    main.write_text(f"{text}\n\nmain()\n{stranger}")
    sandbox.write_manifest()


def test_the_pack_refuses_a_strangers_pod_with_every_reason(sandbox: Sandbox) -> None:
    sandbox.committed = "prod"
    with_a_stranger(sandbox)
    output = refused(sandbox.preview())
    for rule in (
        *("pss-host-namespaces", "pss-privileged", "pss-run-as-non-root", "img-digest"),
        *("img-registry-allowlist", "res-memory-limit", "sec-readonly-rootfs", "id-sa"),
    ):
        assert f"[{rule}]" in output, rule
    assert "kubernetes-objects" in output


def test_without_the_pack_the_program_refuses_it_and_it_is_not_made(sandbox: Sandbox) -> None:
    sandbox.variables["PULUMI_OPTION_POLICY_PACK"] = None
    with_a_stranger(sandbox)
    output = refused(sandbox.preview())
    assert "[pss-host-namespaces]" in output
    assert "[pss-privileged]" in output
    # An update that skips its preview is no way round it.
    result = sandbox.pulumi("up", "--yes", "--skip-preview")
    assert result.code != 0, result.output
    assert "[pss-privileged]" in result.output
    pods = sandbox.kubectl("get", "pods", "--all-namespaces", "--output", "name")
    assert "stranger" not in pods


LATER = """

def _stranger() -> None:
    import pulumi
    import pulumi_kubernetes as kubernetes

    # As of a resource that is not there before `up`.
    known = "hunter2" if not pulumi.runtime.is_dry_run() else pulumi.UNKNOWN
    kubernetes.core.v1.ConfigMap(
        "stranger",
        metadata={"name": "stranger", "namespace": "NAMESPACE"},
        data={"password": pulumi.Output.from_input(known)},
    )


_stranger()
"""


@pytest.mark.parametrize("pack", [True, False])
def test_what_a_preview_does_not_know_is_counted_there_and_refused_in_up(
    sandbox: Sandbox, pack: bool
) -> None:
    if not pack:
        sandbox.variables["PULUMI_OPTION_POLICY_PACK"] = None
    with_a_stranger(sandbox, LATER)
    preview = sandbox.preview()
    assert preview.code == 0, preview.output
    assert ("1 checks need values that this preview does not know" in preview.output) is pack
    result = sandbox.pulumi("up", "--yes", "--skip-preview")
    assert result.code != 0
    assert "[sec-env-literal]" in result.output
    assert "hunter2" not in result.output
    maps = sandbox.kubectl("get", "configmaps", "--all-namespaces", "--output", "name")
    assert "stranger" not in maps


DANGLING = """

def _stranger() -> None:
    import pulumi_kubernetes as kubernetes

    kubernetes.core.v1.Service(
        "stranger",
        metadata={"name": "stranger", "namespace": "NAMESPACE"},
        spec={"selector": {"app": "nobody"}, "ports": [{"port": 80}]},
    )


_stranger()
"""


@pytest.mark.parametrize("pack", [True, False])
def test_objects_that_do_not_fit_together_are_refused(sandbox: Sandbox, pack: bool) -> None:
    if not pack:
        sandbox.variables["PULUMI_OPTION_POLICY_PACK"] = None
    with_a_stranger(sandbox, DANGLING)
    output = refused(sandbox.preview())
    assert "the selector of Service stranger matches no pod of the stack" in output
    assert "[ref-integrity]" in output


@pytest.mark.parametrize("file", ["levels.yaml", "approved.yaml", "waivers.yaml"])
def test_a_broken_owners_file_stops_everything_with_file_and_line(
    sandbox: Sandbox, file: str
) -> None:
    broken = sandbox.own_program() / "policy_pack" / file
    broken.write_text(f"{broken.read_text()}\n- [\n")
    sandbox.write_manifest()
    output = refused(sandbox.preview())
    assert f"policy_pack/{file}:" in output
    sandbox.variables["PULUMI_OPTION_POLICY_PACK"] = None
    assert f"policy_pack/{file}:" in refused(sandbox.preview())


def test_a_stricter_rule_lets_a_release_that_does_not_change_stand(sandbox: Sandbox) -> None:
    workload = sandbox.own_program() / "components" / "workload.py"
    sandbox.write_manifest()
    text = workload.read_text()
    workload.write_text(text.replace('type="ClusterIP"', 'type="NodePort"'))
    # One rule on an object, one on objects together: the model has two replicas.
    set_level(sandbox, "net-service-type", "advisory")
    set_level(sandbox, "rel-replicas", "advisory", threshold=5)
    made = sandbox.up()
    assert made.code == 0, made.output
    set_level(sandbox, "net-service-type", "mandatory")
    set_level(sandbox, "rel-replicas", "mandatory", threshold=5)
    unchanged = sandbox.preview()
    assert unchanged.code == 0, unchanged.output
    for rule in ("net-service-type", "rel-replicas"):
        (line,) = {text for text in unchanged.output.splitlines() if f"[{rule}]" in text}
        assert "(standing: what runs is unchanged)" in line
    sandbox.variables["PULUMI_OPTION_POLICY_PACK"] = None
    assert sandbox.preview().code == 0

    text = workload.read_text()
    assert text.count("port=80 ") == 1
    workload.write_text(text.replace("port=80 ", "port=81 "))
    assert "[net-service-type]" in refused(sandbox.preview())
    set_level(sandbox, "net-service-type", "advisory")
    assert "[rel-replicas]" in refused(sandbox.preview())
    del sandbox.variables["PULUMI_OPTION_POLICY_PACK"]
    output = refused(sandbox.preview())
    assert "[rel-replicas]" in output
    assert "standing" not in output


def set_level(sandbox: Sandbox, rule: str, level: str, threshold: int | None = None) -> None:
    file = sandbox.program / "policy_pack" / "levels.yaml"
    more = f", threshold: {threshold}" if threshold else ""
    setting = f"  {rule}: {{level: {level}{more}}}"
    text, number = re.subn(rf"(?m)^  {rule}: .*", setting, file.read_text())
    assert number == 1
    file.write_text(text)
