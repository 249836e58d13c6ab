"""The namespaces in which the platform runs, and the link from this machine to them."""

import contextlib
import json
import os
import signal
import subprocess
import time
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from devcluster.errors import EnvironmentUnfit
from devcluster.platform.layout import Layout

CGROUPS = Path("/sys/fs/cgroup")
END_SECONDS = 20.0
# Where the node's parts write, whatever they are told: the platform sees folders of its own there.
NODE_FOLDERS = ("/var/log/pods", "/var/log/containers", "/var/lib/cni", "/var/lib/kubelet")


def refuse_foreign_namespace(layout: Layout) -> None:
    """Check that a network namespace of our name is ours, before it is removed with all in it.

    Raises:
        EnvironmentUnfit: it is somebody else's.
    """
    if Path(f"/run/netns/{layout.name}").exists() and not layout.network_file.exists():
        raise EnvironmentUnfit(
            f"a network namespace {layout.name} is there that no platform made: "
            f"`ip netns delete {layout.name}`, or choose a name: MLIFECYCLE_PLATFORM=other make up"
        )


def refuse_taken_network(layout: Layout) -> None:
    """Check that no route of this machine overlaps the platform's addresses.

    Raises:
        EnvironmentUnfit: naming the route, its interface, and how to choose another network.
    """
    for route in json.loads(_run("ip", "-json", "-4", "route")):
        if route["dst"] == "default" or route.get("dev") == layout.host_interface:
            continue
        if IPv4Network(route["dst"]).overlaps(layout.network):
            raise EnvironmentUnfit(
                f"network {layout.network} is taken: route {route['dst']} of "
                f"{_owner(route)}. Choose another /22: MLIFECYCLE_NETWORK=10.213.0.0/22 make up"
            )


def _owner(route: dict[str, Any]) -> str:
    """A route that leads nowhere (`blackhole`) has a type, and no interface."""
    return f"interface {route['dev']}" if "dev" in route else f"type {route.get('type', 'none')}"


def create(layout: Layout) -> None:
    """Make the network namespace, the link and its routes, and the cgroup of pods."""
    remove(layout)
    layout.network_file.write_text(str(layout.network))
    name, interface = layout.name, layout.host_interface
    _run("ip", "netns", "add", name)
    _run("ip", "link", "add", interface, "type", "veth", "peer", "name", "uplink", "netns", name)
    inside = ("ip", "-netns", name)
    for command in (
        (*inside, "link", "set", "lo", "up"),
        (*inside, "address", "add", f"{layout.node_ip}/24", "dev", "uplink"),
        (*inside, "link", "set", "uplink", "up"),
        ("ip", "address", "add", f"{layout.host_ip}/24", "dev", interface),
        ("ip", "link", "set", interface, "up"),
        (*inside, "route", "add", "default", "via", str(layout.host_ip)),
        # Pods and Services answer to this machine, as they would on a node.
        ("ip", "route", "add", str(layout.pod_network), "via", str(layout.node_ip)),
        ("ip", "route", "add", str(layout.service_network), "via", str(layout.node_ip)),
    ):
        _run(*command)
    for folder in _cgroup_roots():
        (folder / name).mkdir(exist_ok=True)
    _inherit_cpuset(name)


def enter(layout: Layout, command: list[str], environment: dict[str, str], log: Path) -> None:
    """Start `command` as process 1 of new namespaces, detached from this process.

    Process 1 is tini, which reaps what the runtime's shims leave behind. When it ends, by any
    cause, the kernel ends every process in there and takes its mounts.
    """
    preparation = (
        f"{_own_folders(layout)}"
        # Mounts that the node agent makes must be seen by the container runtime.
        f'mount --bind "{layout.state}" "{layout.state}" && mount --make-rshared "{layout.state}" '
        "&& echo 1 > /proc/sys/net/ipv4/ip_forward "
        "&& { [ ! -e /proc/sys/net/bridge/bridge-nf-call-iptables ]"
        " || echo 1 > /proc/sys/net/bridge/bridge-nf-call-iptables; } "
        '&& exec "$@"'
    )
    with log.open("ab") as output:
        subprocess.run(
            [
                *(
                    "setsid",
                    "--fork",
                    "nsenter",
                    f"--net=/run/netns/{layout.name}",
                    "unshare",
                    "--mount",
                ),
                *("--propagation", "private", "--pid", "--fork", "--kill-child=SIGKILL"),
                *("--mount-proc", "--", "sh", "-euc", preparation, "sh", *command),
            ],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment,
            check=True,
        )


def _own_folders(layout: Layout) -> str:
    return "".join(
        f'mkdir -p "{folder}" "{layout.state}/node{folder}" && '
        f'mount --bind "{layout.state}/node{folder}" "{folder}" && '
        for folder in NODE_FOLDERS
    )


def processes(layout: Layout) -> list[int]:
    """Ids of the processes in the platform's network namespace, pods' excepted."""
    result = subprocess.run(
        ["ip", "netns", "pids", layout.name], capture_output=True, text=True, check=False
    )
    return [int(word) for word in result.stdout.split()]


def remove(layout: Layout) -> None:
    """End every process of the platform, then its namespace, link and cgroups. Repeatable."""
    deadline = time.monotonic() + END_SECONDS
    while remaining := processes(layout):
        for process in remaining:
            _kill(process)
        if time.monotonic() > deadline:
            raise EnvironmentUnfit(f"these processes do not end: {remaining}")
        time.sleep(0.1)
    _quietly("ip", "netns", "delete", layout.name)
    _quietly("ip", "link", "delete", layout.host_interface)
    for folder in _cgroup_roots():
        _remove_cgroup(folder / layout.name, deadline)
    for mount_point in NODE_FOLDERS:
        # One that is another node's is not empty.
        with contextlib.suppress(OSError):
            Path(mount_point).rmdir()


def _cgroup_roots() -> list[Path]:
    if (CGROUPS / "cgroup.controllers").exists():
        return [CGROUPS]
    return [
        folder
        for folder in CGROUPS.iterdir()
        if folder.is_dir() and not folder.is_symlink() and (folder / "cgroup.procs").exists()
    ]


def _inherit_cpuset(name: str) -> None:
    """Version 1 leaves a new cpuset empty, and nothing can run in an empty one."""
    for setting in ("cpuset.cpus", "cpuset.mems"):
        parent = CGROUPS / "cpuset" / setting
        if parent.exists():
            (CGROUPS / "cpuset" / name / setting).write_text(parent.read_text())


def _remove_cgroup(folder: Path, deadline: float) -> None:
    if not folder.exists():
        return
    for parent, _, _ in os.walk(folder, topdown=False):
        while True:
            for process in (Path(parent) / "cgroup.procs").read_text().split():
                _kill(int(process))
            try:
                Path(parent).rmdir()
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)


def _kill(process: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)


def _run(*command: str) -> str:
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    if result.returncode != 0:
        raise EnvironmentUnfit(f"`{' '.join(command)}` failed: {result.stderr.strip()}")
    return result.stdout


def _quietly(*command: str) -> None:
    subprocess.run(command, capture_output=True, check=False, timeout=30)
