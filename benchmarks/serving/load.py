"""Load on a server from the other core: wrk for throughput, vegeta for a steady rate."""

import json
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.measure import CommandFailed
from benchmarks.serving.servers import LOAD_CORE

CONNECTIONS = 32
# Of a steady rate: more would be the generator's own limit.
MOST_WORKERS = 2000
WRK = "wrk is not on PATH: apt-get install wrk"


@dataclass(frozen=True)
class Steady:
    """What came of requests at a steady rate.

    Attributes:
        rate: requests a second that were really sent.
        accepted: the share of them that were answered with 200.
        shed: the share of 503.
        milliseconds: latencies of the accepted ones, ascending.
    """

    rate: float
    accepted: float
    shed: float
    milliseconds: Sequence[float]

    def percentile(self, share: float) -> float:
        """Milliseconds within which that share was answered."""
        if not self.milliseconds:
            return float("nan")
        place = min(len(self.milliseconds) - 1, int(share * len(self.milliseconds)))
        return self.milliseconds[place]


def throughput(url: str, body: Mapping[str, Any], seconds: int, folder: Path) -> float:
    """Requests a second that 32 connections get answered with 200."""
    script = folder / "wrk.lua"
    script.write_text(
        'wrk.method = "POST"\n'
        f"wrk.body = {json.dumps(json.dumps(body))}\n"
        'wrk.headers["Content-Type"] = "application/json"\n'
    )
    found = shutil.which("wrk")
    if found is None:
        raise CommandFailed(WRK)
    text = _run(
        *(found, "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "10s"),
        *("-s", str(script), url),
    )
    if "Non-2xx" in text:
        raise CommandFailed(f"not all were answered with 200:\n{text}")
    match = re.search(r"Requests/sec:\s+([0-9.]+)", text)
    if match is None:
        raise CommandFailed(text)
    return float(match[1])


def steady(
    vegeta: Path, url: str, body: Mapping[str, Any], *, rate: int, seconds: int, folder: Path
) -> Steady:
    """Send at a rate whatever becomes of the answers."""
    request, results = folder / "body.json", folder / "results.bin"
    request.write_text(json.dumps(body))
    targets = folder / "targets"
    targets.write_text(f"POST {url}\nContent-Type: application/json\n@{request}\n")
    _run(
        *(str(vegeta), "attack", f"-targets={targets}", f"-rate={rate}", f"-duration={seconds}s"),
        *("-timeout=10s", f"-max-workers={MOST_WORKERS}", f"-output={results}"),
    )
    lines = _run(str(vegeta), "encode", "-to=json", str(results)).splitlines()
    answers = [json.loads(line) for line in lines]
    accepted = sorted(item["latency"] / 1e6 for item in answers if item["code"] == 200)
    return Steady(
        rate=len(answers) / seconds,
        accepted=len(accepted) / len(answers),
        shed=sum(item["code"] == 503 for item in answers) / len(answers),
        milliseconds=accepted,
    )


def _run(*command: str) -> str:
    done = subprocess.run(
        ["taskset", "--cpu-list", str(LOAD_CORE), *command],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise CommandFailed(f"{command[0]} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return done.stdout
