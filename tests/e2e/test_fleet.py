"""Fifty models in one stack, each with its own pods: for `make test-full`."""

import json
import time
from collections.abc import Iterator

import pytest

from tests.e2e.cluster import answer_of, start_client
from tests.sandbox import Platform, Sandbox

MODELS = 50
pytestmark = [pytest.mark.full, pytest.mark.timeout(2400)]


@pytest.fixture
def fleet(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """The smallest requests that pass the rules."""
    sandbox = Sandbox(platform, tmp_path_factory.mktemp("fleet"))
    sandbox.configure(
        cpuRequest="10m", cpuLimit="500m", memory="128Mi", rolloutTimeoutSeconds="1500"
    )
    for number in range(MODELS):
        sandbox.write_manifest(
            ("name: fraud-detector", f"name: model-{number}"), name=f"{number}.yaml"
        )
    try:
        yield sandbox
    finally:
        sandbox.remove()


def test_fifty_models_are_released_at_once_and_a_second_run_changes_nothing(
    fleet: Sandbox,
) -> None:
    fleet.initialise()
    started = time.monotonic()
    # Longer than `Sandbox.run` waits.
    with fleet.start("pulumi", "up", "--yes", "--stack", fleet.stack) as process:
        output, _ = process.communicate()
    seconds = time.monotonic() - started
    assert process.returncode == 0, output
    found = json.loads(
        fleet.kubectl("--namespace", fleet.namespace, "get", "services", "--output", "json")
    )
    addresses = {item["metadata"]["name"]: item["spec"]["clusterIP"] for item in found["items"]}
    assert len(addresses) == MODELS
    for name, address in addresses.items():
        answer = answer_of(start_client(fleet, url=f"http://{address}/ready"))["last"]
        assert answer == {"status": "ready", "model": name, "version": "2.1.0"}
    again = time.monotonic()
    unchanged = fleet.pulumi("up", "--yes", "--expect-no-changes")
    assert unchanged.code == 0, unchanged.output
    print(f"{MODELS} models: {seconds:.0f} s, unchanged {time.monotonic() - again:.0f} s")
