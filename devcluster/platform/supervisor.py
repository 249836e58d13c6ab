"""Start and ask process-compose, which keeps the platform's parts running."""

import json
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

from devcluster.errors import EnvironmentUnfit
from devcluster.platform import namespace
from devcluster.platform.layout import Layout

CONFIG = Path(__file__).parent / "config"
START_SECONDS = 180
# Where each file of config/ goes, under the state folder's config/.
TARGETS = {
    "cni.json": "cni/10-pods.conflist",
    "hosts.toml": "registries/{registry}/hosts.toml",
}


@dataclass(frozen=True)
class Part:
    """One supervised process, as the supervisor sees it."""

    name: str
    status: str
    healthy: bool
    restarts: int
    process_id: int
    memory_bytes: int
    age_seconds: float


def render_configuration(layout: Layout, substitutions: dict[str, str]) -> None:
    """Write every file of `config/` with the platform's paths and addresses into its state."""
    for source in CONFIG.iterdir():
        name = TARGETS.get(source.name, source.name).format(registry=layout.registry)
        target = layout.state / "config" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(Template(source.read_text()).substitute(substitutions))


def start(layout: Layout, environment: dict[str, str], *, bin_dir: Path, debs: Path) -> None:
    """Start the supervisor in the platform's namespaces; the parts come up behind it."""
    command = [
        *(str(debs / "usr/bin/tini"), "--", str(bin_dir / "process-compose"), "up"),
        *("--config", str(layout.state / "config" / "process-compose.yaml")),
        *("--tui=false", "--keep-project", "--use-uds"),
        *("--unix-socket", str(layout.supervisor_socket)),
        *("--log-file", str(layout.state / "logs" / "supervisor.log")),
    ]
    namespace.enter(layout, command, environment, layout.state / "logs" / "supervisor.out")


def parts(layout: Layout, bin_dir: Path) -> list[Part]:
    """The parts and their health; none when the supervisor does not answer."""
    try:
        result = subprocess.run(
            [
                *(bin_dir / "process-compose", "process", "list", "--output", "json", "--use-uds"),
                *("--unix-socket", layout.supervisor_socket, "--log-file", "/dev/null"),
            ],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return []
    if result.returncode != 0:
        return []
    return sorted(
        (
            Part(
                name=row["name"],
                status=row["status"],
                healthy=_is_healthy(row),
                restarts=row["restarts"],
                process_id=row["pid"],
                memory_bytes=row["mem"],
                age_seconds=row["age"] / 1e9,
            )
            for row in json.loads(result.stdout)
        ),
        key=lambda part: part.name,
    )


def _is_healthy(row: Mapping[str, Any]) -> bool:
    if row["status"] == "Completed":
        return bool(row["exit_code"] == 0)
    return bool(row["status"] == "Running" and row["is_ready"] == "Ready")


def wait_until_healthy(layout: Layout, bin_dir: Path, report: Callable[[str], None]) -> None:
    """Wait for every part, naming each as it becomes healthy.

    Raises:
        EnvironmentUnfit: after `START_SECONDS`, with the parts that are not healthy and their logs.
    """
    deadline = time.monotonic() + START_SECONDS
    started = time.monotonic()
    seen: set[str] = set()
    while True:
        now = parts(layout, bin_dir)
        for part in now:
            if part.healthy and part.name not in seen:
                seen.add(part.name)
                report(f"  {part.name} is up ({time.monotonic() - started:.0f} s)")
        unhealthy = [part.name for part in now if not part.healthy]
        if now and not unhealthy:
            return
        if time.monotonic() > deadline:
            names = ", ".join(unhealthy) or "the supervisor"
            raise EnvironmentUnfit(
                f"not healthy after {START_SECONDS} s: {names}. Logs: {layout.state / 'logs'}"
            )
        time.sleep(0.5)
