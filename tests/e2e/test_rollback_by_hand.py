"""One model is returned by a person, by our command or behind its back; the others stay."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.cluster import get, is_drained, kubectl
from tests.e2e.test_rollback import MODEL, says, up, write
from tests.e2e.test_traffic import store_model
from tests.e2e.traffic import traffic
from tests.sandbox import Platform, Sandbox, wait_until

OTHER = "other-model"


def write_other(sandbox: Sandbox, version: str) -> None:
    sandbox.write_manifest(
        ("name: fraud-detector", f"name: {OTHER}"),
        ('version: "2.1.0"', f'version: "{version}"'),
        ("fraud-detector/v2.1.0", f"{sandbox.stack}/other"),
        name="other.yaml",
    )


def image(sandbox: Sandbox, model: str = MODEL) -> str:
    path = "jsonpath={.spec.template.spec.containers[0].image}"
    return kubectl(sandbox, "get", "deployment", model, "--output", path)


def kinds(sandbox: Sandbox) -> list[str]:
    """What happened to the model, the newest first."""
    told = sandbox.mlifecycle("history", MODEL, "--stack", sandbox.stack)
    return [line.split()[2] for line in told.output.splitlines() if line.split()[0].isdigit()]


@pytest.fixture(scope="module")
def running(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """1.0.0, which adds 1, then 2.0.0, which adds 2; beside it another model."""
    sandbox = Sandbox(platform, tmp_path_factory.mktemp("by-hand"))
    sandbox.initialise()
    try:
        store_model(sandbox, "other", 7.0)
        write_other(sandbox, "1.0.0")
        for version, value in (("1.0.0", 1.0), ("2.0.0", 2.0)):
            write(sandbox, version, value)
            code, output = up(sandbox)
            assert code == 0, output
        yield sandbox
    finally:
        sandbox.remove()


def test_a_rollback_changes_that_model_alone_and_fails_nobody(
    running: Sandbox, tmp_path: Path
) -> None:
    other = image(running, OTHER)
    write_other(running, "1.1.0")
    command = ("rollback", MODEL, "--stack", running.stack, "--reason", "it refuses\ncustomers")
    with traffic(running, "", tmp_path) as outcome:
        result = running.mlifecycle(*command)
        says(running, "1.0.0", 1.0)
    assert result.code == 0, result.output
    assert f"✓ Stack {running.stack}: {MODEL} is returned to 1.0.0" in result.output
    assert outcome.failures == []
    assert image(running, OTHER) == other
    assert kinds(running) == ["rollback", "hold", "release", "release"]
    history = json.loads(running.pulumi("stack", "history", "--json").output)
    assert history[0]["message"].startswith(f"roll back to {MODEL} 1.0.0 (sha256:")
    assert ": it refuses customers" in history[0]["message"]
    # Older figures than what ran stop nothing: it is no new release.
    write_other(running, "1.0.0")
    preview = running.preview()
    assert preview.code == 0, preview.output
    assert (
        f"{MODEL}: its manifest is held back, 1.0.0 runs: it refuses\\ncustomers" in preview.output
    )


def test_what_there_is_nothing_of_is_not_returned_to(running: Sandbox) -> None:
    before = image(running)
    for model, to, words in (
        (MODEL, "9.9.9", f"{MODEL} has no release '9.9.9' that ran verified and is kept"),
        (MODEL, "", f"{MODEL} has no earlier release that ran verified and is kept"),
        ("no-such", "", f"has no model 'no-such' to roll back: it has {MODEL}, {OTHER}"),
    ):
        arguments = [*(["--to", to] if to else []), "--stack", running.stack, "--reason", "x"]
        result = running.mlifecycle("rollback", model, *arguments)
        assert result.code == 1, result.output
        assert words in result.output
    assert image(running) == before


@pytest.mark.full
def test_a_rollout_undo_is_seen_kept_and_ended(running: Sandbox) -> None:
    """And an image that was never released is put back."""
    stack = ("--stack", running.stack)
    assert running.mlifecycle("retry", MODEL, *stack, "--reason", "mended").code == 0
    code, output = up(running)
    assert code == 0, output
    released = image(running)
    assert ":2.0.0-" in released

    repository = released.split("@")[0].rpartition(":")[0]
    alias = f"{repository}:1.0.0-{running.stack}"
    kubectl(running, "set", "image", f"deployment/{MODEL}", f"inference={alias}")
    wait_until(lambda: is_drained(running), 60)
    preview = running.preview()
    assert preview.code == 0, preview.output
    words = "its manifest is held back, 1.0.0 runs: rolled back by hand in the cluster"
    assert words in preview.output
    code, output = up(running)
    assert code == 0, output
    assert words in output
    says(running, "1.0.0", 1.0)
    assert kinds(running)[:2] == ["rollback", "hold"]

    assert running.mlifecycle("retry", MODEL, *stack, "--reason", "mended").code == 0
    assert up(running)[0] == 0
    says(running, "2.0.0", 2.0)
    kubectl(running, "set", "image", f"deployment/{MODEL}", f"inference={image(running, OTHER)}")
    code, output = up(running)
    assert code == 0, output
    assert "which was put there by hand: it is put right" in output
    assert image(running) == released
    says(running, "2.0.0", 2.0)


@pytest.mark.full
def test_a_refused_model_holds_no_other_back(running: Sandbox) -> None:
    running.write_manifest(
        ("name: fraud-detector", f"name: {OTHER}"),
        ("torch>=2.0.0", "torch==1.9.0"),
        name="other.yaml",
    )
    other = image(running, OTHER)
    write(running, "2.1.0", 3.0)
    code, output = up(running)
    assert code == 1, output
    assert f"refused, and left as they are: {OTHER}" in output
    assert "CVE-2022-45907 in torch==1.9.0" in output
    assert f"Model {MODEL} v2.1.0" in output
    says(running, "2.1.0", 3.0)
    assert image(running, OTHER) == other
    assert get(running, "deployment")["status"]["readyReplicas"] == 1
