"""A release and a rollback, killed with signal 9 at any moment: the next run puts all in agreement.

State, cluster, registry, MLflow and ledger say the same then, and nobody is told twice but for the
kill. The moments are seeded; each is a test of its own, so that one can be had again.
"""

import json
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from tests.e2e.test_rollback import MODEL, up, write
from tests.e2e.test_rollback_by_hand import image
from tests.engine.test_notices import Receiver
from tests.sandbox import Platform, Sandbox, wait_until

POINTS = 20
CONVERGED_SECONDS = 240


class Killed:
    """A stack with a model, and what is told of it."""

    def __init__(self, sandbox: Sandbox, receiver: Receiver) -> None:
        self.sandbox = sandbox
        self.receiver = receiver
        self.version = 0
        self.seconds = 60.0

    def release(self, *, killed: random.Random | None = None) -> str:
        """Release the next version, as a whole or killed; which."""
        self.version += 1
        version = f"{self.version}.0.0"
        write(self.sandbox, version, float(self.version))
        command = ("up", "--stack", self.sandbox.stack)
        if killed:
            self.kill(killed, *command)
        else:
            started = time.monotonic()
            result = self.sandbox.mlifecycle(*command)
            self.seconds = time.monotonic() - started
            assert result.code == 0, result.output
        return version

    def kill(self, moments: random.Random, *command: str) -> None:
        """Start a command, and kill its engine or itself at a moment of its time."""
        own = moments.random() < 0.5
        process = self.sandbox.start("mlifecycle", *command)
        try:
            process.communicate(timeout=moments.uniform(0, self.seconds))
        except subprocess.TimeoutExpired:
            for victim in [psutil.Process(process.pid)] if own else engines(process):
                victim.send_signal(signal.SIGKILL)
            process.wait(CONVERGED_SECONDS)
            # What is left of it goes on, or not, as behind a terminal that is gone.
            assert process.stdout
            process.stdout.close()

    def converge(self) -> None:
        """Run again, as often as another engine is still running."""

        def converged() -> bool:
            code, output = up(self.sandbox)
            assert code == 0 or "another update of this stack is running" in output, output
            return code == 0

        wait_until(converged, CONVERGED_SECONDS, every=2)

    def agree(self, *versions: str) -> None:
        """Everything says that it is one of these."""
        stack = ("--stack", self.sandbox.stack)
        status = self.sandbox.mlifecycle("status", *stack, "--format", "json")
        (model,) = json.loads(status.output[status.output.index("{") :])["models"]
        assert status.code == 0, model
        assert model["version"] in versions, model
        # MLflow's champion, the record in the ledger and the notices are else outstanding.
        assert model["is_well"], model
        assert model["image"] == model["runs"] == image(self.sandbox)
        assert self.sandbox.mlifecycle("history", *stack, "--check").code == 0
        state = json.loads(self.sandbox.pulumi("stack", "export").output)
        assert not state["deployment"].get("pending_operations")
        after = self.sandbox.pulumi("preview", "--expect-no-changes")
        assert after.code == 0, after.output
        assert max(self.told().values()) <= 2

    def told(self) -> Counter[str]:
        """How often each outcome was told."""
        return Counter(text.rpartition("Id: ")[2] for _, text in self.receiver.got)


def engines(process: "subprocess.Popen[Any]") -> list[psutil.Process]:
    try:
        children = psutil.Process(process.pid).children(recursive=True)
        return [child for child in children if child.name() == "pulumi"]
    except psutil.NoSuchProcess:
        return []


@pytest.fixture(scope="module")
def killed(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Killed]:
    sandbox = Sandbox(platform, tmp_path_factory.mktemp("killed"))
    receiver = Receiver()
    sandbox.initialise()
    channels = json.dumps({"team": [receiver.address]})
    secret = ("config", "set", "--secret", "notifyChannels", channels)
    assert sandbox.pulumi(*secret).code == 0
    assert sandbox.pulumi("config", "set", "--path", "notify[0]", "team").code == 0
    made = Killed(sandbox, receiver)
    try:
        made.release()
        made.release()
        yield made
    finally:
        sandbox.remove()
        receiver.close()


@pytest.mark.full
@pytest.mark.parametrize("point", range(POINTS))
def test_a_release_that_is_killed_is_made_by_the_next_run(killed: Killed, point: int) -> None:
    version = killed.release(killed=random.Random(f"release {point}"))
    killed.converge()
    killed.agree(version)


@pytest.mark.full
@pytest.mark.parametrize("point", range(POINTS))
def test_a_rollback_that_is_killed_is_made_by_the_next_run_or_was_never_begun(
    killed: Killed, point: int
) -> None:
    killed.release()
    (now, before) = (f"{killed.version}.0.0", f"{killed.version - 1}.0.0")
    arguments = ("rollback", MODEL, "--to", before, "--stack", killed.sandbox.stack)
    killed.kill(random.Random(f"rollback {point}"), *arguments, "--reason", "a test")
    killed.converge()
    killed.agree(now, before)
