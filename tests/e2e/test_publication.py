"""What the registry has of a release: the scanned bytes, their evidence and their names."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devcluster.platform.layout import Layout
from mlifecycle.security.attestations import SBOM, SUMMARY, TEST_RESULT, VULNERABILITIES
from mlifecycle.security.evidence_store import PREDICATE, SCANNED_BY
from tests.readers import KeyPair, assert_cosign_verifies, packages_by_trivy
from tests.sandbox import Platform, Result, Sandbox, released_stack

LACKS = "the registry lacks a part of what runs, or moved its tag: `up` puts it right"


@pytest.fixture(scope="module")
def released(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    folder = tmp_path_factory.mktemp("published")
    with released_stack(platform, folder, own_name=True) as sandbox:
        yield sandbox


def image(sandbox: Sandbox) -> tuple[str, str, str]:
    """Repository, tag and digest of what the stack says that it runs."""
    outputs = json.loads(sandbox.pulumi("stack", "output", "--json").output)
    name, digest = outputs["models"][f"model-{sandbox.stack}"]["image"].split("@")
    repository, _, tag = name.rpartition(":")
    return repository, tag, digest


def attached(sandbox: Sandbox) -> list[dict[str, Any]]:
    repository, _, digest = image(sandbox)
    command = ("artifact", "list", f"{repository}@{digest}", "--format", "{{json .}}")
    return list(json.loads(sandbox.run("regctl", *command).output)["descriptors"])


def registry_folder(layout: Layout, sandbox: Sandbox) -> Path:
    """Where the registry keeps what it knows of the stack's one image repository."""
    (folder,) = layout.state.rglob(f"repositories/model-{sandbox.stack}/inference-service")
    return folder


def unchanged(sandbox: Sandbox) -> Result:
    return sandbox.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes")


def test_the_evidence_is_beside_the_image_and_any_machine_finds_it(released: Sandbox) -> None:
    repository, _, _ = image(released)
    texts: dict[str, list[dict[str, Any]]] = {}
    for item in attached(released):
        text = released.run("regctl", "artifact", "get", f"{repository}@{item['digest']}").output
        texts.setdefault(item["annotations"][PREDICATE], []).append(json.loads(text)["predicate"])
    assert {SBOM, VULNERABILITIES, SUMMARY, TEST_RESULT} == texts.keys()
    inspected = {
        (scan["scanner"]["uri"].split("@")[0], scan["mlifecycle"]["target"]): scan
        for scan in texts[VULNERABILITIES]
    }
    assert inspected.keys() == {
        ("pkg:generic/trivy", "image"),
        ("pkg:generic/grype", "image"),
        ("pkg:generic/grype", "lock"),
    }
    image_scan = inspected["pkg:generic/trivy", "image"]
    assert image_scan["mlifecycle"]["inspected"] > 100
    assert [item["id"] for item in image_scan["scanner"]["result"]] == ["CVE-2025-6297"]
    assert texts[SUMMARY][0]["verificationResult"] == "PASSED"
    (bom,) = [document for document in texts[SBOM] if "components" not in document]
    model = bom["metadata"]["component"]
    assert (model["type"], model["version"]) == ("machine-learning-model", "2.1.0")
    metrics = model["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]
    assert {"type": "accuracy", "value": "0.94"} in metrics
    (result,) = texts[TEST_RESULT]
    assert result["result"] == "PASSED"
    assert "golden sample 7" in result["passedTests"]
    # An empty cache is another machine: it scans and builds nothing, and knows all the same.
    cache = released.own_cache()
    try:
        preview = released.preview()
        assert preview.code == 0, preview.output
        assert "17 unchanged" in preview.output
        assert len(list(cache.rglob("evidence.json"))) == 1
        assert list(cache.rglob("index.json")) == []
    finally:
        del released.variables["XDG_CACHE_HOME"]
        shutil.rmtree(cache.parent)


def test_people_name_a_release_by_its_version(released: Sandbox) -> None:
    repository, tag, digest = image(released)
    for name in (tag, f"2.1.0-{released.stack}"):
        found = released.run("regctl", "image", "digest", f"{repository}:{name}")
        assert found.output.strip() == digest


def test_the_lock_and_the_base_image_are_kept_for_every_run(released: Sandbox) -> None:
    host = released.platform.layout.registry
    for kind in ("locks", "bases"):
        tags = released.run("regctl", "tag", "ls", f"{host}/mlifecycle/{kind}")
        assert len(tags.output.split()) >= 1, tags.output
    assert "made one" not in released.preview().output


def test_with_a_key_only_what_it_has_signed_counts_and_others_read_it(
    released: Sandbox, cosign: Path, tmp_path: Path
) -> None:
    key = KeyPair.make(tmp_path)
    secret = ("config", "set", "--secret", "mlifecycle:signingKey", "--stack", released.stack)
    environment = released.environment
    subprocess.run(
        [shutil.which("pulumi", path=environment["PATH"]) or "", *secret],
        input=key.private,
        text=True,
        env=environment,
        cwd=released.folder,
        check=True,
    )
    try:
        preview = released.preview()
        assert LACKS in preview.output, preview.output
        result = released.up()
        assert result.code == 0, result.output
        assert "PRIVATE KEY" not in result.output
        assert unchanged(released).code == 0
    finally:
        released.configure()
    repository, _, digest = image(released)
    reference = f"{repository}@{digest}"
    assert_cosign_verifies(reference, key, cosign, released.environment)
    found = packages_by_trivy(reference, tmp_path, released.environment)
    assert {"dpkg", "onnxruntime"} <= found


def test_another_version_of_a_scanner_looks_again_and_its_evidence_is_published(
    released: Sandbox, tmp_path: Path
) -> None:
    """The program does; nothing that runs changes."""
    path = released.environment["PATH"]
    real = shutil.which("grype", path=path)
    version = json.loads(released.run("grype", "version", "-o", "json").output)["version"]
    newer = tmp_path / "grype"
    newer.write_text(f'#!/bin/sh\n"{real}" "$@" | sed "s/{version}/99.0.0/g"\n')
    newer.chmod(0o755)
    released.variables["PATH"] = f"{tmp_path}:{path}"
    try:
        preview = released.preview()
        assert preview.code == 0, preview.output
        assert LACKS in preview.output, preview.output
        assert "~ 1 to update" in preview.output, preview.output
        result = released.up()
        assert result.code == 0, result.output
        assert unchanged(released).code == 0
        looked = {item["annotations"].get(SCANNED_BY) for item in attached(released)}
        assert any("grype 99.0.0" in text for text in filter(None, looked))
    finally:
        del released.variables["PATH"]


def test_what_the_registry_has_lost_is_put_there_again(released: Sandbox) -> None:
    shutil.rmtree(registry_folder(released.platform.layout, released))
    preview = released.preview()
    assert LACKS in preview.output, preview.output
    result = released.mlifecycle("up", "--stack", released.stack)
    assert result.code == 0, result.output
    repository, tag, digest = image(released)
    found = released.run("regctl", "image", "digest", f"{repository}:{tag}")
    assert found.output.strip() == digest
    assert len(attached(released)) >= 5
    assert unchanged(released).code == 0


def test_a_version_that_somebody_moved_is_put_back(released: Sandbox) -> None:
    """People name it in a rollback by hand, and the cluster admits it by that name."""
    repository, _, digest = image(released)
    version = f"{repository}:2.1.0-{released.stack}"
    other = f"{released.platform.layout.registry}/library/python:3.11-slim"
    assert released.run("regctl", "image", "copy", other, version).code == 0
    result = released.up()
    assert result.code == 0, result.output
    assert LACKS in result.output, result.output
    assert released.run("regctl", "image", "digest", version).output.strip() == digest
    assert unchanged(released).code == 0


def test_a_tag_that_somebody_moved_is_not_followed(released: Sandbox) -> None:
    repository, tag, digest = image(released)
    other = (f"{released.platform.layout.registry}/library/python:3.11-slim", f"{repository}:{tag}")
    assert released.run("regctl", "image", "copy", *other).code == 0
    for cache in (False, True):
        if cache:
            # Another machine, which knows only what the registry says.
            released.own_cache()
        result = released.mlifecycle("up", "--stack", released.stack)
        assert result.code == 1, result.output
        assert f"and not {digest}, which was scanned: somebody has moved the tag" in result.output
    del released.variables["XDG_CACHE_HOME"]
    assert released.run("regctl", "tag", "delete", f"{repository}:{tag}").code == 0
    again = released.mlifecycle("up", "--stack", released.stack)
    assert again.code == 0, again.output
    assert unchanged(released).code == 0


def test_images_stay_pullable_when_the_stack_is_destroyed(
    released: Sandbox, tmp_path: Path
) -> None:
    repository, tag, digest = image(released)
    result = released.pulumi("destroy", "--yes")
    assert result.code == 0, result.output
    assert released.run("kubectl", "get", "namespace", released.namespace).code != 0
    found = released.run("regctl", "image", "digest", f"{repository}:{tag}")
    assert found.output.strip() == digest
    pulled = ("regctl", "image", "copy", f"{repository}@{digest}", f"ocidir://{tmp_path}/pulled")
    assert released.run(*pulled).code == 0
