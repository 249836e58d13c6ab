"""Commands of the local platform, which the Makefile calls."""

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import wraps
from typing import Annotated

import typer

from devcluster import advisory_database, local_stacks
from devcluster.errors import EnvironmentUnfit
from devcluster.platform import lifecycle, preflight, supervisor
from devcluster.platform.layout import Layout, process_layout
from devcluster.toolchain import Toolchain, ToolchainError, ensure_tools
from mlifecycle.process import ToolError

NEXT_STEPS = """Try next:
  eval "$(make -s env)"                                 # tools, cluster and stacks for this shell
  curl --cacert {authority} --connect-to ::{node}: \\
    https://fraud-detector.dev.models.example.com/ready # as callers outside the cluster
  pulumi preview -s prod --policy-pack policy_pack      # what production would get
  kubectl -n ml-inference-dev logs deployment/fraud-detector"""

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


def _toolchain() -> Toolchain:
    return ensure_tools("up", report=_say)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _explained(command: Callable[..., None]) -> Callable[..., None]:
    """What this machine lacks is said in one message, without a traceback."""

    @wraps(command)
    def explained(*args: object, **kwargs: object) -> None:
        try:
            command(*args, **kwargs)
        except ToolchainError as error:
            _say(f"error: {error.message}")
            raise typer.Exit(error.exit_code) from error
        except (EnvironmentUnfit, ToolError) as error:
            _say(f"error: {error}")
            raise typer.Exit(2) from error

    return explained


@app.command()
@_explained
def start() -> None:
    """Start the local platform and compose its stacks."""
    _start(process_layout())


@app.command()
@_explained
def up() -> None:
    """Start the local platform and release stack dev on it."""
    layout = process_layout()
    started = time.monotonic()
    toolchain, tools_seconds = _start(layout)
    ready = time.monotonic()
    environment = {
        **os.environ,
        **local_stacks.shell_environment(layout, toolchain.bin_dir),
        # Pulumi's Kubernetes provider leaves files in there.
        "TMPDIR": str(layout.state / "run" / "tmp"),
    }
    mlifecycle = str(local_stacks.CHECKOUT / ".venv" / "bin" / "mlifecycle")
    # An interrupt is for the command below, which has it too and ends in order.
    signal.signal(signal.SIGINT, lambda *_: None)
    released = subprocess.run([mlifecycle, "up", "--stack", "dev"], env=environment, check=False)
    if released.returncode != 0:
        raise typer.Exit(released.returncode)
    end = time.monotonic()
    print(
        f"Tools {tools_seconds:.0f} s, platform {ready - started - tools_seconds:.0f} s, "
        f"release {end - ready:.0f} s, together {end - started:.0f} s\n\n"
        + NEXT_STEPS.format(authority=layout.state / "certificates" / "ca.crt", node=layout.node_ip)
    )


def _start(layout: Layout) -> tuple[Toolchain, float]:
    """The tools of the running platform, and how many seconds it took to have them."""
    # Before tools are built for minutes, and before anything is started.
    if not layout.supervisor_socket.exists():
        preflight.check(layout)
    started = time.monotonic()
    toolchain = _toolchain()
    seconds = time.monotonic() - started
    lifecycle.up(layout, toolchain, _say)
    advisory_database.publish(layout, toolchain.bin_dir)
    if other := local_stacks.other_checkout(layout):
        _say(f"the local stacks ran the checkout {other}; from now on they run this one")
    local_stacks.ensure_stacks(layout, toolchain)
    return toolchain, seconds


@app.command()
@_explained
def down() -> None:
    """End the local platform and remove its state; the caches stay."""
    layout = process_layout()
    ended = lifecycle.down(layout)
    print(f"ended, {layout.state} is gone" if ended else "nothing runs here")


@app.command()
@_explained
def status() -> None:
    """Show each part, its health, age, restarts and memory."""
    layout = process_layout()
    parts = supervisor.parts(layout, _toolchain().bin_dir)
    if not parts:
        print("the local platform is not running: `make up` starts it")
        raise typer.Exit(1)
    for part in parts:
        health = "healthy" if part.healthy else part.status.lower()
        memory = part.memory_bytes / 1024**2
        print(
            f"{part.name:20}{health:12}{part.age_seconds:8.0f} s {part.restarts:4} restarts "
            f"{memory:7.0f} MiB"
        )
    if not all(part.healthy for part in parts):
        raise typer.Exit(1)


@app.command()
@_explained
def logs(part: Annotated[str, typer.Argument(help="a part, as `status` names it")]) -> None:
    """Print the last lines of a part's log."""
    folder = process_layout().state / "logs"
    known = sorted(log.stem for log in folder.glob("*.log"))
    if part not in known:
        names = ", ".join(known) or "none"
        raise EnvironmentUnfit(f"no log of a part {part!r}; there are: {names}")
    subprocess.run(["tail", "-n", "200", str(folder / f"{part}.log")], check=True)


@app.command()
@_explained
def env() -> None:
    """Print the shell's environment for the local platform: eval "$(make -s env)"."""
    layout, bin_dir = process_layout(), _toolchain().bin_dir
    if not lifecycle.is_running(layout, bin_dir):
        _say("the local platform is not running, so these stacks are not there: `make start`")
    elif other := local_stacks.other_checkout(layout):
        _say(f"the local stacks run the checkout {other}: `make start` here turns them to this one")
    for key, value in local_stacks.shell_environment(layout, bin_dir).items():
        print(f"export {key}={shlex.quote(value)}")


if __name__ == "__main__":
    app()
