"""Requests to a released model from outside the cluster: single ones, and a steady stream."""

import secrets
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.e2e.cluster import address, answer_of, get, start_client
from tests.sandbox import Sandbox

# Between two requests from outside.
PAUSE_SECONDS = 0.02


def host(sandbox: Sandbox) -> str:
    return str(get(sandbox, "ingress")["spec"]["rules"][0]["host"])


def outside(sandbox: Sandbox, key: str) -> httpx.Client:
    """A client outside the cluster that trusts the platform's authority."""
    layout = sandbox.platform.layout
    trusted = str(layout.state / "certificates" / "ca.crt")
    return httpx.Client(
        base_url=f"https://{layout.node_ip}",
        verify=ssl.create_default_context(cafile=trusted),
        headers={"Host": host(sandbox), "x-api-key": key},
        timeout=10,
    )


def ask_outside(client: httpx.Client, sandbox_host: str, path: str, **body: Any) -> Any:
    """One request for the model's host; its answer must be 200."""
    request = client.build_request(
        "POST" if body else "GET",
        path,
        extensions={"sni_hostname": sandbox_host},
        **({"json": body} if body else {}),
    )
    response = client.send(request)
    response.raise_for_status()
    return response.json()


@dataclass
class Outcome:
    """What came of a steady stream of requests."""

    answers: list[Any] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


@contextmanager
def traffic(sandbox: Sandbox, key: str, folder: Path, rows: int = 1) -> Iterator[Outcome]:
    """Requests without pause until the block ends: through the ingress, and from the node."""
    until = folder / f"until-{secrets.token_hex(3)}"
    body = {"instances": [[1.0, 2.0]] * rows}
    asked = {"url": f"{address(sandbox)}/predict", "body": body, "headers": {"x-api-key": key}}
    node = start_client(sandbox, **asked, until=str(until))
    outcome, name = Outcome(), host(sandbox)

    ended = threading.Event()

    def ask() -> None:
        while not ended.wait(PAUSE_SECONDS):
            try:
                # A connection for each, as from many callers.
                with outside(sandbox, key) as client:
                    outcome.answers.append(ask_outside(client, name, "/predict", **body))
            except httpx.HTTPError as error:
                outcome.failures.append(repr(error))

    client = threading.Thread(target=ask)
    client.start()
    try:
        yield outcome
    finally:
        until.touch()
        ended.set()
        client.join()
        inside = answer_of(node)
    outcome.failures += inside["failures"]
    assert inside["answered"] > 50
