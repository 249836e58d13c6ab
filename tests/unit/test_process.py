"""A tool can neither hang the run, nor outlive its time, nor fail without a word."""

import threading
import time
from pathlib import Path

import psutil
import pytest
from tenacity import stop_after_delay

from mlifecycle import exclusive
from mlifecycle.exclusive import exclusively
from mlifecycle.process import ToolError, run_tool


def script(tmp_path: Path, body: str) -> str:
    file = tmp_path / "tool"
    file.write_text(f"#!/bin/sh\n{body}\n")
    file.chmod(0o755)
    return str(file)


def ends(process: int) -> bool:
    """Whether it is gone within seconds; one that nobody has waited for is gone too."""
    for _ in range(50):
        try:
            if psutil.Process(process).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.1)
    return False


def test_a_tools_output_is_returned(tmp_path: Path) -> None:
    assert run_tool([script(tmp_path, "echo out; echo err >&2")], timeout=10) == "out\n"


def test_a_missing_tool_is_named() -> None:
    with pytest.raises(ToolError, match=r"no-such-tool cannot be started: .*Is it installed"):
        run_tool(["no-such-tool"], timeout=10)


def test_a_failing_tools_last_words_are_kept(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"(?s)tool failed with exit code 3:.*why"):
        run_tool([script(tmp_path, "echo why >&2; exit 3")], timeout=10)


def test_a_tool_that_fails_silently_is_said_to(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="it printed nothing"):
        run_tool([script(tmp_path, "exit 1")], timeout=10)


def test_a_hanging_tool_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    child = tmp_path / "child"
    tool = script(tmp_path, f"sleep 300 & echo $! > {child}; wait")
    started = time.monotonic()
    with pytest.raises(ToolError, match="tool did not end within 1 s and was killed"):
        run_tool([tool], timeout=1)
    assert time.monotonic() - started < 10
    assert ends(int(child.read_text()))


def test_a_child_left_behind_by_a_tool_does_not_live_on(tmp_path: Path) -> None:
    child = tmp_path / "child"
    tool = script(tmp_path, f"sleep 300 >/dev/null 2>&1 & echo $! > {child}")
    run_tool([tool], timeout=10)
    assert ends(int(child.read_text()))


def test_a_lock_that_goes_with_what_it_guards_leaves_nothing_and_lets_nobody_in(
    tmp_path: Path,
) -> None:
    target, order = tmp_path / "guarded", []

    def work(name: str, last: bool) -> None:
        with exclusively(target, last=last):
            order.append(f"{name} in")
            time.sleep(0.05)
            order.append(f"{name} out")

    workers = [
        threading.Thread(target=work, args=(f"{number}", number % 2 == 0)) for number in range(6)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert all(order[i].split()[0] == order[i + 1].split()[0] for i in range(0, len(order), 2))
    with exclusively(target, last=True):
        pass
    assert list(tmp_path.iterdir()) == []


def test_no_variable_tells_a_scanner_what_to_leave_out(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TRIVY_SEVERITY", "GRYPE_ONLY_FIXED", "GITLEAKS_CONFIG", "BANDIT_X", "KEPT"):
        monkeypatch.setenv(name, "outer")
    printed = run_tool(["env"], timeout=10, environment={"GRYPE_DB_CACHE_DIR": "ours"})
    names = {line.partition("=")[0] for line in printed.splitlines()}
    assert {"KEPT", "GRYPE_DB_CACHE_DIR"} <= names
    assert not names & {"TRIVY_SEVERITY", "GRYPE_ONLY_FIXED", "GITLEAKS_CONFIG", "BANDIT_X"}


def test_who_waits_for_a_lock_in_vain_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exclusive._held.retry, "stop", stop_after_delay(1))
    held = tmp_path / "held"
    with (
        exclusively(held),
        pytest.raises(ToolError, match=r"another run has held .*held\.lock for"),
        exclusively(held),
    ):
        pass
