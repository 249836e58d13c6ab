"""An engine that is killed in the middle leaves nothing for a person to mend."""

import contextlib
import json
import shutil
import signal
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from tests.engine.test_scan_waivers import write_waiver
from tests.sandbox import Sandbox, kill_group, wait_until


def kill_engine(process: "subprocess.Popen[str]") -> str:
    """Kill the engine that a command drives, and return what the command printed then."""
    (engine,) = [
        child
        for child in psutil.Process(process.pid).children(recursive=True)
        if child.name() == "pulumi" and "up" in child.cmdline()
    ]
    plugins = engine.children(recursive=True)
    engine.send_signal(signal.SIGKILL)
    output, _ = process.communicate(timeout=60)
    kill_group(process)
    # Pulumi's language host does not notice that its engine is gone; it does no harm, and stays.
    for plugin in plugins:
        with contextlib.suppress(psutil.NoSuchProcess):
            plugin.kill()
    return output


def test_after_kill_9_of_the_engine_the_next_run_converges(sandbox: Sandbox) -> None:
    sandbox.write_manifest()
    sandbox.initialise()
    process = sandbox.start("mlifecycle", "up", "--stack", sandbox.stack)
    deployments = ("--namespace", sandbox.namespace, "get", "deployments", "--output", "name")

    def is_made() -> bool:
        assert process.poll() is None, process.communicate()[0]
        return "fraud-detector" in sandbox.run("kubectl", *deployments).output

    wait_until(is_made, 120)
    output = kill_engine(process)
    assert process.returncode != 0, output
    assert "was killed (signal 9)" in output
    assert "stdout" not in output, "one message, not all that the engine printed"

    locked = sandbox.pulumi("up", "--yes", "--skip-preview")
    assert "the stack is currently locked" in locked.output, "the kill must have left a lock"

    again = sandbox.mlifecycle("up", "--stack", sandbox.stack)
    assert again.code == 0, again.output
    assert "Verified:   all 8 golden samples" in again.output
    sets = ("--namespace", sandbox.namespace, "get", "replicasets", "--output", "json")
    assert len(json.loads(sandbox.kubectl(*sets))["items"]) == 1
    state = json.loads(sandbox.pulumi("stack", "export").output)
    assert not state["deployment"].get("pending_operations")
    after = sandbox.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes")
    assert after.code == 0, after.output


def test_a_lock_of_a_running_engine_is_left_alone(sandbox: Sandbox) -> None:
    sandbox.write_manifest()
    sandbox.initialise()
    first = sandbox.start("pulumi", "up", "--yes", "--skip-preview", "--stack", sandbox.stack)
    try:
        locks = sandbox.platform.folder / "pulumi" / ".pulumi" / "locks"
        wait_until(lambda: bool(list(locks.rglob(f"{sandbox.stack}/*.json"))), 60)
        second = sandbox.mlifecycle("up", "--stack", sandbox.stack)
        assert second.code == 1, second.output
        assert "another update of this stack is running" in second.output
        output, _ = first.communicate(timeout=200)
        assert first.returncode == 0, output
    finally:
        kill_group(first)


@pytest.mark.parametrize(
    ("last", "is_sent", "is_named"),
    [('*" --subject "*', False, False), ('*" copy "*":2.1.0-{stack} "*', True, True)],
    ids=["pushed-without-evidence", "named-without-deployment"],
)
def test_after_kill_9_between_push_and_deployment_nothing_runs(
    sandbox: Sandbox, tmp_path: Path, last: str, is_sent: bool, is_named: bool
) -> None:
    """The engine dies at the registry's first evidence, or when it has the last of the names.

    Args:
        last: the request to the registry at which it dies.
        is_sent: whether it dies after that one.
    """
    sandbox.write_manifest(("name: fraud-detector", f"name: model-{sandbox.stack}"))
    sandbox.initialise()
    real = shutil.which("regctl", path=sandbox.environment["PATH"])
    reached, fake = tmp_path / "reached", tmp_path / "regctl"
    asked = last.format(stack=sandbox.stack)
    send = f'{real} "$@"' if is_sent else "true"
    case = f'case " $* " in {asked}) {send}; touch {reached}; sleep 300;; esac'
    fake.write_text(f'#!/bin/bash\n{case}\nexec {real} "$@"\n')
    fake.chmod(0o755)
    sandbox.variables["PATH"] = f"{tmp_path}:{sandbox.environment['PATH']}"
    process = sandbox.start("mlifecycle", "up", "--stack", sandbox.stack)

    def is_reached() -> bool:
        assert process.poll() is None, process.communicate()[0]
        return reached.exists()

    wait_until(is_reached, 120)
    kill_engine(process)
    del sandbox.variables["PATH"]
    namespace = ("--namespace", sandbox.namespace)
    assert sandbox.kubectl(*namespace, "get", "deployments", "--output", "name") == ""
    host = sandbox.platform.layout.registry
    repository = f"{host}/model-{sandbox.stack}/inference-service"
    tags = sandbox.run("regctl", "tag", "ls", repository).output
    assert (f"2.1.0-{sandbox.stack}" in tags) == is_named, tags
    again = sandbox.mlifecycle("up", "--stack", sandbox.stack)
    assert again.code == 0, again.output
    assert "Verified:   all 8 golden samples" in again.output
    after = sandbox.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes")
    assert after.code == 0, after.output


def test_a_release_that_never_ran_does_not_stand(sandbox: Sandbox, tmp_path: Path) -> None:
    """What was only tried is judged by today's waivers, not by those of the day of the try."""
    own = ("name: fraud-detector", f"name: model-{sandbox.stack}")
    sandbox.own_program()
    sandbox.write_manifest(own, ("torch>=2.0.0", "torch==2.5.1"))
    today = datetime.now(UTC).date()
    write_waiver(sandbox, today - timedelta(days=10), today + timedelta(days=1))
    real = shutil.which("regctl", path=sandbox.environment["PATH"])
    fake = tmp_path / "regctl"
    fake.write_text(
        f'#!/bin/bash\ncase " $* " in *" --subject "*) exit 1;; esac\nexec {real} "$@"\n'
    )
    fake.chmod(0o755)
    sandbox.variables["PATH"] = f"{tmp_path}:{sandbox.environment['PATH']}"
    tried = sandbox.pulumi("up", "--yes", "--skip-preview")
    assert tried.code != 0
    assert "does not keep the evidence" in tried.output or "regctl failed" in tried.output
    del sandbox.variables["PATH"]
    write_waiver(sandbox, today - timedelta(days=10), today - timedelta(days=1))
    for again in (sandbox.preview(), sandbox.pulumi("up", "--yes", "--skip-preview")):
        assert again.code != 0, again.output
        assert "CVE-2025-32434 in torch==2.5.1" in again.output
        assert "standing" not in again.output
    namespace = ("--namespace", sandbox.namespace)
    assert sandbox.kubectl(*namespace, "get", "deployments", "--output", "name") == ""


def test_a_verification_that_failed_is_made_up_for(sandbox: Sandbox, tmp_path: Path) -> None:
    """Also after a change of the Deployment alone: the release is the one that was verified."""
    program, broken = sandbox.own_program(), tmp_path / "broken"
    module = program / "mlifecycle" / "release" / "verification.py"
    text = module.read_text()
    start = "    return asyncio.run(_verify(target, golden))\n"
    assert text.count(start) == 1
    fails = "        raise VerificationError('it answers wrongly')\n"
    asks = f"    from pathlib import Path\n    if Path({str(broken)!r}).exists():\n{fails}"
    module.write_text(text.replace(start, asks + start))
    sandbox.write_manifest()
    assert sandbox.up().code == 0
    broken.touch()
    sandbox.configure(memory="384Mi")
    for _ in range(2):
        failed = sandbox.pulumi("up", "--yes", "--skip-preview")
        assert failed.code != 0, failed.output
        assert "it answers wrongly" in failed.output
    broken.unlink()
    again = sandbox.pulumi("up", "--yes", "--skip-preview")
    assert again.code == 0, again.output
    assert "~ 1 updated" in again.output, again.output
    unchanged = sandbox.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes")
    assert unchanged.code == 0, unchanged.output
