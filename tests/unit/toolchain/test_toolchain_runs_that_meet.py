"""Two runs at once, and runs that are killed. Real processes, a real Go made slow enough to be
caught in the act.
"""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from tests.unit.toolchain.workbench import Workbench, run, running


def test_two_runs_at_once_build_once_and_both_have_the_tool(workbench: Workbench) -> None:
    calls = workbench.slow_go("build", 2)
    runs = [workbench.start(), workbench.start()]
    outputs = [run.communicate(timeout=120) for run in runs]
    assert [run.returncode for run in runs] == [0, 0], outputs
    assert calls.read_text().count("build") == 1
    printed = "".join(output for output, _ in outputs)
    assert printed.count("another run is building greeting, waiting") == 1
    assert printed.count("greeter 1.2.3: another run built it") == 1
    folders = {output.splitlines()[-1] for output, _ in outputs}
    assert len(folders) == 1
    assert run(Path(folders.pop()) / "greeter") == "greeter v1.2.3\n"


def test_killed_run_leaves_nothing_half_and_the_next_one_works(workbench: Workbench) -> None:
    calls = workbench.slow_go("build", 60)
    run = workbench.start()
    _wait(lambda: calls.exists() and "build" in calls.read_text())
    os.kill(run.pid, signal.SIGKILL)
    run.communicate()
    assert workbench.built == []
    [leftover] = workbench.tools.glob("greeting-*/.build-*")
    _wait(lambda: not running(calls))
    workbench.slow_go("build", 0)
    outcome = workbench.run()
    assert outcome.returncode == 0, outcome.stderr
    assert "waiting" not in outcome.stdout
    assert not leftover.exists()
    assert len(workbench.built) == 1


def test_terminated_run_ends_its_build_and_cleans_up(workbench: Workbench) -> None:
    calls = workbench.slow_go("build", 60)
    run = workbench.start()
    _wait(lambda: calls.exists() and "build" in calls.read_text())
    run.terminate()
    _, errors = run.communicate(timeout=20)
    assert run.returncode == 128 + signal.SIGTERM
    assert "Traceback" not in errors
    assert not running(calls)
    assert list(workbench.tools.glob("greeting-*/.build-*")) == []
    assert workbench.built == []


def test_interrupted_run_says_that_the_next_one_resumes(workbench: Workbench) -> None:
    calls = workbench.slow_go("build", 60)
    run = workbench.start()
    _wait(lambda: calls.exists() and "build" in calls.read_text())
    run.send_signal(signal.SIGINT)
    _, errors = run.communicate(timeout=20)
    assert run.returncode == 130
    assert errors == "interrupted; the next run resumes\n"
    assert not running(calls)


def test_run_resumes_at_the_tool_that_was_not_finished(workbench: Workbench) -> None:
    toml = workbench.catalogue.read_text()
    second = toml[toml.index("[tools.greeter]") :].replace("tools.greeter", "tools.second")
    workbench.catalogue.write_text(toml + second.replace('package = "."', 'package = "./second"'))
    (workbench.module / "second").mkdir()
    broken = workbench.module / "second" / "main.go"
    broken.write_text('package main\n\nimport _ "embed"\n\n//go:embed no-such-file\nvar x string\n')
    assert workbench.run().returncode == 1
    [greeter] = workbench.built
    before = greeter.stat().st_mtime_ns
    # Mending the source would be another key, so the second build fails again; what counts is that
    # the first is not repeated.
    outcome = workbench.run()
    assert "second 1.2.3: building" in outcome.stdout
    assert "greeter 1.2.3: building" not in outcome.stdout
    assert greeter.stat().st_mtime_ns == before


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
