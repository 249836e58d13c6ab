"""The local platform mends itself, ends without a trace, and refuses what it could not run on."""

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path

import psutil
import pytest

from devcluster.errors import EnvironmentUnfit
from devcluster.platform import leftovers, lifecycle, namespace, supervisor
from devcluster.platform.layout import Layout, process_layout
from devcluster.toolchain import Toolchain

# "Any one part killed is back within 60 s."
BACK_SECONDS = 60


@pytest.fixture(scope="module")
def own(toolchain: Toolchain) -> Iterator[Layout]:
    """A platform that may be maltreated: neither the user's nor the other tests'."""
    users = process_layout()
    layout = replace(
        users,
        name="mlifecycle-own",
        state=users.state.parent / "mlifecycle-own",
        network=IPv4Network("10.203.8.0/22"),
    )
    lifecycle.down(layout)
    try:
        lifecycle.up(layout, toolchain, print)
        yield layout
    finally:
        lifecycle.down(layout)


def part(layout: Layout, toolchain: Toolchain, name: str) -> supervisor.Part:
    (found,) = [p for p in supervisor.parts(layout, toolchain.bin_dir) if p.name == name]
    return found


def host_process(layout: Layout, inside: int) -> int:
    """This machine's id of a process that has the id `inside` in the platform's namespace."""
    for process in namespace.processes(layout):
        status = Path(f"/proc/{process}/status").read_text()
        (line,) = [line for line in status.splitlines() if line.startswith("NSpid:")]
        if line.split()[-1] == str(inside):
            return process
    raise AssertionError(f"no process {inside} in the platform")


def test_every_part_that_is_killed_comes_back(own: Layout, toolchain: Toolchain) -> None:
    names = [
        p.name
        for p in supervisor.parts(own, toolchain.bin_dir)
        if p.status == "Running" and p.process_id
    ]
    assert {"registry", "buildkit", "etcd", "api-server", "kubelet", "dns"} <= set(names)
    assert len(names) == 14
    seconds = {}
    for name in names:
        before = part(own, toolchain, name)
        subprocess.run(["kill", "-9", str(host_process(own, before.process_id))], check=True)
        killed = time.monotonic()
        while True:
            now = part(own, toolchain, name)
            if now.healthy and now.process_id != before.process_id:
                break
            assert time.monotonic() - killed < BACK_SECONDS, f"{name} is not back: {now}"
            time.sleep(0.2)
        seconds[name] = round(time.monotonic() - killed, 1)
    print(seconds)
    supervisor.wait_until_healthy(own, toolchain.bin_dir, print)


def test_a_supervisor_that_is_killed_takes_everything_with_it_and_starts_anew(
    own: Layout, toolchain: Toolchain
) -> None:
    (first,) = [
        process
        for process in namespace.processes(own)
        if "process-compose" in Path(f"/proc/{process}/comm").read_text()
    ]
    subprocess.run(["kill", "-9", str(first)], check=True)
    deadline = time.monotonic() + 20
    while namespace.processes(own):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    lifecycle.up(own, toolchain, print)
    assert lifecycle.is_running(own, toolchain.bin_dir)


def test_another_platform_on_the_same_addresses_is_refused(own: Layout) -> None:
    rival = replace(own, name="rival", state=own.state.parent / "rival")
    with pytest.raises(
        EnvironmentUnfit, match=rf"is taken: route .* of interface {own.host_interface}"
    ):
        namespace.refuse_taken_network(rival)


def test_a_namespace_of_somebody_else_is_left_alone(own: Layout) -> None:
    foreign = replace(own, name="foreign", state=own.state.parent / "foreign")
    subprocess.run(["ip", "netns", "add", foreign.name], check=True)
    try:
        with pytest.raises(EnvironmentUnfit, match="namespace foreign is there that no platform"):
            namespace.refuse_foreign_namespace(foreign)
    finally:
        subprocess.run(["ip", "netns", "delete", foreign.name], check=True)


def test_what_a_killed_engine_left_running_is_ended(own: Layout, tmp_path: Path) -> None:
    """A stand-in for the language host: the real one is left only by a kill at the right time."""
    plugin = tmp_path / "pulumi-language-python"
    shutil.copy("/bin/sleep", plugin)
    homes = {"ours": own.state / "pulumi-home", "theirs": tmp_path / "pulumi-home"}
    for home in homes.values():
        # Its parent ends at once, as the killed engine did.
        command = ["sh", "-c", f"{plugin} 300 >/dev/null 2>&1 & exit 0"]
        subprocess.run(command, env={**os.environ, "PULUMI_HOME": str(home)}, check=True)

    def running() -> dict[str, psutil.Process]:
        found = {}
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.exe() == str(plugin) and process.status() != psutil.STATUS_ZOMBIE:
                    found[process.environ()["PULUMI_HOME"]] = process
        return found

    try:
        assert running().keys() == {str(home) for home in homes.values()}
        leftovers.end(own)
        assert running().keys() == {str(homes["theirs"])}
    finally:
        for process in running().values():
            process.kill()


def test_down_leaves_nothing(own: Layout) -> None:
    """Last: it ends the platform of this module."""
    rules = subprocess.run(["iptables-save"], capture_output=True, text=True, check=True).stdout
    assert "KUBE" not in rules, "the cluster's rules must not be this machine's"
    assert lifecycle.down(own)
    assert not own.state.exists()
    assert str(own.state) not in Path("/proc/mounts").read_text()
    for command in (["ip", "netns", "list"], ["ip", "link"], ["ip", "route"]):
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert own.name not in output
        assert own.host_interface not in output
    assert list(Path("/sys/fs/cgroup").rglob(own.name)) == []
    for command_line in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            assert str(own.state) not in command_line.read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
    assert not lifecycle.down(own)
