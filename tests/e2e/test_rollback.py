"""A release that fails is taken back by itself, and nobody who asks meanwhile is failed."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.cluster import container, get, is_drained, kubectl
from tests.e2e.test_traffic import store_model
from tests.e2e.traffic import ask_outside, host, outside, traffic
from tests.sandbox import Platform, Sandbox, model_store, wait_until

MODEL = "fraud-detector"


def write(sandbox: Sandbox, version: str, value: float, golden: float | None = None) -> None:
    """A manifest of a model that adds `value`, with samples that say that it adds `golden`."""
    name = version.replace(".", "-")
    place = store_model(sandbox, name, value)
    if golden is not None:
        file = model_store(sandbox.platform.layout) / sandbox.stack / name / "golden.json"
        document = json.loads(file.read_text())
        document["outputs"] = [[1.0 + golden, 2.0 + golden], [3.0 + golden, 4.0 + golden]]
        file.write_text(json.dumps(document))
    sandbox.write_manifest(
        ('version: "2.1.0"', f'version: "{version}"'), ("fraud-detector/v2.1.0", place)
    )


def up(sandbox: Sandbox) -> tuple[int, str]:
    result = sandbox.mlifecycle("up", "--stack", sandbox.stack)
    return result.code, result.output


def says(sandbox: Sandbox, version: str, value: float) -> None:
    wait_until(lambda: is_drained(sandbox), 60)
    with outside(sandbox, "") as client:
        assert ask_outside(client, host(sandbox), "/ready")["version"] == version
        answer = ask_outside(client, host(sandbox), "/predict", instances=[[1.0, 2.0]])
    assert answer["predictions"] == [[1.0 + value, 2.0 + value]]


def fail_verification_of(sandbox: Sandbox, *versions: str) -> None:
    file = sandbox.program / "mlifecycle" / "release" / "failing"
    file.write_text(" ".join(versions))


@pytest.fixture(scope="module")
def running(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Version 1.0.0, which adds 1; its program fails the verification of versions in a file."""
    sandbox = Sandbox(platform, tmp_path_factory.mktemp("rolled-back"))
    module = sandbox.own_program() / "mlifecycle" / "release" / "verification.py"
    text = module.read_text()
    start = "    return asyncio.run(_verify(target, golden))\n"
    assert text.count(start) == 1
    fails = "        raise _failed('it answers wrongly', _OTHERWISE)\n"
    module.write_text(
        "from pathlib import Path\n"
        + text.replace(
            start,
            f"{start[:4]}if target.version in Path(__file__).with_name('failing').read_text():\n"
            f"        asyncio.run(_verify(target, golden))\n{fails}{start}",
        )
    )
    fail_verification_of(sandbox, "9.9.9")
    write(sandbox, "1.0.0", 1.0)
    try:
        code, output = up(sandbox)
        assert code == 0, output
        yield sandbox
    finally:
        sandbox.remove()


def test_what_never_becomes_ready_is_taken_back_under_traffic(
    running: Sandbox, tmp_path: Path
) -> None:
    before = container(running)["image"]
    write(running, "2.0.0", 5.0, golden=6.0)
    with traffic(running, "", tmp_path) as outcome:
        code, output = up(running)
    assert code == 1, output
    assert "❌ Deployment health check failed" in output
    assert "Error: Golden sample 0 does not match s3://" in output
    assert "The release before it serves on, with 1 pods." in output
    assert f"✓ {MODEL} is returned: 1.0.0 runs again, verified" in output
    assert "Traceback" not in output
    assert outcome.failures == []
    assert {answer["version"] for answer in outcome.answers} == {"1.0.0"}
    assert container(running)["image"] == before
    says(running, "1.0.0", 1.0)


def test_the_manifest_is_held_until_it_changes(running: Sandbox) -> None:
    preview = running.preview("--expect-no-changes")
    assert preview.code == 0, preview.output
    words = f"{MODEL}: its manifest is held back, 1.0.0 runs: Golden sample 0 does not match"
    assert words in preview.output
    code, output = up(running)
    assert code == 0, output
    assert "nothing has changed" in output
    assert words.partition(": ")[2] in output
    assert f"Model {MODEL} v1.0.0" in output
    told = running.mlifecycle("history", "--stack", running.stack).output
    assert [line.split()[2] for line in told.splitlines()] == ["rollback", "hold", "release"]


@pytest.mark.full
def test_what_fails_after_it_is_ready_is_taken_back_under_traffic(
    running: Sandbox, tmp_path: Path
) -> None:
    write(running, "9.9.9", 9.0)
    with traffic(running, "", tmp_path) as outcome:
        code, output = up(running)
        says(running, "1.0.0", 1.0)
    assert code == 1, output
    assert "Error: it answers wrongly" in output
    assert f"✓ {MODEL} is returned: 1.0.0 runs again, verified" in output
    assert outcome.failures == []
    assert {answer["version"] for answer in outcome.answers} == {"1.0.0", "9.9.9"}


@pytest.mark.full
def test_another_manifest_is_released_and_a_retry_tries_the_same_again(running: Sandbox) -> None:
    write(running, "3.0.0", 3.0)
    code, output = up(running)
    assert code == 0, output
    says(running, "3.0.0", 3.0)
    write(running, "4.0.0", 4.0, golden=5.0)
    assert up(running)[0] == 1
    stack = ("--stack", running.stack, "--reason", "the samples are mended")
    golden = model_store(running.platform.layout) / running.stack / "4-0-0" / "golden.json"
    golden.write_text(
        golden.read_text().replace("6.0, 7.0", "5.0, 6.0").replace("8.0, 9.0", "7.0, 8.0")
    )
    retried = running.mlifecycle("retry", MODEL, *stack)
    assert retried.code == 0, retried.output
    code, output = up(running)
    assert code == 0, output
    says(running, "4.0.0", 4.0)
    again = running.mlifecycle("retry", MODEL, *stack)
    assert again.code == 1
    assert "is not held back" in again.output


@pytest.mark.full
def test_a_change_of_the_generator_that_breaks_a_probe_is_taken_back_to_the_recorded_objects(
    running: Sandbox,
) -> None:
    workload = running.program / "components" / "workload.py"
    text = workload.read_text()
    assert text.count('_probe("/ready"') == 1
    workload.write_text(text.replace('_probe("/ready"', '_probe("/no-such-route"'))
    running.configure(rolloutTimeoutSeconds="30")
    code, output = up(running)
    workload.write_text(text)
    assert code == 1, output
    assert "Probable Cause: The server starts, and does not become ready" in output
    assert "is returned: 4.0.0 runs again, verified" in output
    assert container(running)["readinessProbe"]["httpGet"]["path"] == "/ready"
    says(running, "4.0.0", 4.0)


@pytest.mark.full
def test_a_return_that_fails_says_so_first_and_the_next_run_makes_up_for_it(
    running: Sandbox,
) -> None:
    write(running, "5.0.0", 5.0)
    fail_verification_of(running, "5.0.0", "4.0.0")
    code, output = up(running)
    assert code == 1, output
    assert "❌ THE RETURN FAILED TOO. Nothing more is changed" in output
    fail_verification_of(running, "5.0.0")
    code, output = up(running)
    assert code == 0, output
    assert "its manifest is held back, 4.0.0 runs" in output
    says(running, "4.0.0", 4.0)
    told = running.mlifecycle("history", "--stack", running.stack).output
    assert [line.split()[2] for line in told.splitlines()][:2] == ["rollback", "hold"]


@pytest.mark.full
@pytest.mark.parametrize("committed", ["dev", "prod"])
def test_of_several_that_fail_each_returns_and_the_others_are_released(
    platform: Platform, tmp_path: Path, committed: str
) -> None:
    sandbox = Sandbox(platform, tmp_path, committed=committed)
    # The node is small: three updates at once, in production of two pods each.
    sandbox.configure(cpuRequest="50m")
    names = ("first", "second", "third")

    def write_all(version: str, value: float, *failing: str) -> None:
        for name in names:
            place = f"{name}-{version.replace('.', '-')}"
            stored = store_model(sandbox, place, value)
            if name in failing:
                file = model_store(platform.layout) / sandbox.stack / place / "golden.json"
                file.write_text(file.read_text().replace("[[", "[[9", 1))
            sandbox.write_manifest(
                ("name: fraud-detector", f"name: {name}"),
                ('version: "2.1.0"', f'version: "{version}"'),
                ("fraud-detector/v2.1.0", stored),
                name=f"{name}.yaml",
            )

    try:
        write_all("1.0.0", 1.0)
        code, output = up(sandbox)
        assert code == 0, output
        write_all("2.0.0", 2.0, "first", "third")
        code, output = up(sandbox)
        assert code == 1, output
        for name in ("first", "third"):
            assert f"✓ {name} is returned: 1.0.0 runs again, verified" in output
        assert "second is returned" not in output, output
        code, output = up(sandbox)
        assert code == 0, output
        for name, version in (("first", "1.0.0"), ("second", "2.0.0"), ("third", "1.0.0")):
            assert f"Model {name} v{version}" in output
    finally:
        sandbox.remove()


@pytest.mark.full
def test_a_first_release_that_fails_leaves_nothing_that_takes_traffic(sandbox: Sandbox) -> None:
    write(sandbox, "1.0.0", 1.0, golden=2.0)
    code, output = up(sandbox)
    assert code == 1, output
    assert f"✓ {MODEL} is returned: nothing ran before it, it is gone" in output
    kinds = "deployments,services,ingresses"
    assert kubectl(sandbox, "get", kinds, "--output", "name") == ""
    code, output = up(sandbox)
    assert code == 0, output
    assert "its manifest is held back, nothing runs" in output
    write(sandbox, "1.0.1", 1.0)
    code, output = up(sandbox)
    assert code == 0, output
    assert get(sandbox, "deployment")["status"]["readyReplicas"] == 1
