"""What a preview shows before anything exists, and that it makes nothing."""

import json
from typing import Any

from tests.engine.test_refusals import named_by_itself, repositories
from tests.sandbox import Sandbox


def planned(sandbox: Sandbox, kind: str) -> dict[str, Any]:
    """The inputs of the one resource of that type in a preview."""
    result = sandbox.preview("--json")
    assert result.code == 0, result.output
    document = json.loads(result.output[result.output.index("{\n") :])
    (inputs,) = [
        step["newState"]["inputs"]
        for step in document["steps"]
        if step.get("newState", {}).get("type") == kind
    ]
    return dict(inputs)


def test_a_preview_knows_the_digest_and_makes_nothing(sandbox: Sandbox) -> None:
    sandbox.write_manifest(named_by_itself(sandbox))
    deployment = planned(sandbox, "kubernetes:apps/v1:Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    registry = sandbox.platform.layout.registry
    name, digest = container["image"].split("@")
    assert name.startswith(f"{registry}/model-{sandbox.stack}/inference-service:2.1.0-")
    assert digest.startswith("sha256:")
    assert not repositories(sandbox)
    namespaces = sandbox.kubectl("get", "namespaces", "--output", "name")
    assert f"namespace/{sandbox.namespace}" not in namespaces


def test_the_digest_of_the_preview_is_the_one_that_the_registry_gets(sandbox: Sandbox) -> None:
    sandbox.own_cache()
    sandbox.write_manifest()
    deployment = planned(sandbox, "kubernetes:apps/v1:Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    result = sandbox.up()
    assert result.code == 0, result.output
    name, digest = container["image"].split("@")
    assert sandbox.run("regctl", "image", "digest", name).output.strip() == digest
    live = sandbox.kubectl(
        *("--namespace", sandbox.namespace, "get", "deployment", "fraud-detector"),
        *("--output", "jsonpath={.spec.template.spec.containers[0].image}"),
    )
    assert live == container["image"]


def test_the_pack_is_found_by_the_name_that_the_documents_print(sandbox: Sandbox) -> None:
    sandbox.variables["PULUMI_OPTION_POLICY_PACK"] = None
    sandbox.write_manifest(("accuracy: 0.94", "accuracy: 0.78"))
    output = sandbox.preview("--policy-pack", "policy_pack").output
    assert "[mandatory]  model-governance" in output


def test_a_registry_that_is_down_ends_preview_and_up_with_its_name(sandbox: Sandbox) -> None:
    """What it holds is unknown, which is not the same as nothing."""
    sandbox.configure(registry="127.0.0.1:1")
    manifest = str(sandbox.write_manifest())
    for command in ("scan", "lock"):
        result = sandbox.mlifecycle(command, "--stack", sandbox.stack, manifest)
        assert (result.code, "127.0.0.1:1" in result.output) == (2, True), result.output
    for result in (sandbox.preview(), sandbox.up()):
        assert result.code != 0
        assert "127.0.0.1:1" in result.output
        assert "Traceback" not in result.output


def test_production_has_its_own_values(sandbox: Sandbox) -> None:
    sandbox.committed = "prod"
    sandbox.configure()
    sandbox.write_manifest()
    deployment = planned(sandbox, "kubernetes:apps/v1:Deployment")
    autoscaler = planned(sandbox, "kubernetes:autoscaling/v2:HorizontalPodAutoscaler")
    assert autoscaler["spec"]["minReplicas"] == 3
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["resources"]["limits"]["memory"] == "512Mi"


def test_the_model_stores_key_is_nowhere_in_the_clear(sandbox: Sandbox) -> None:
    sandbox.write_manifest()
    key = (sandbox.platform.folder / "secrets" / "object-store-key").read_text().split(",")[1]
    for arguments in ((), ("--diff",), ("--json",)):
        result = sandbox.preview(*arguments)
        assert result.code == 0, result.output
        assert key not in result.output
