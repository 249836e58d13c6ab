"""What the tiers share: the running local platform, or one that is started and ended for them."""

import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from devcluster import advisory_database
from devcluster.platform import lifecycle
from devcluster.platform.layout import Layout, process_layout
from devcluster.toolchain import Toolchain, ensure_tools
from mlifecycle.exclusive import exclusively
from tests.sandbox import Platform, Sandbox, prepare_pulumi

# The tests' own platform: beside a user's, never instead of it.
TEST_PLATFORM = "mlifecycle-test"
TEST_NETWORK = IPv4Network("10.203.4.0/22")


def say(line: str) -> None:
    """Progress past pytest's capture: starting a platform may take minutes."""
    print(line, file=sys.__stderr__, flush=True)


@pytest.fixture(scope="session")
def toolchain() -> Toolchain:
    """Every tool that the platform runs on; built here if the cache lacks it."""
    return ensure_tools("up", report=say)


@pytest.fixture(scope="session")
def test_tools() -> Path:
    """The folder of the tools that only tests need."""
    return ensure_tools("test", report=say).bin_dir


@pytest.fixture(scope="session")
def cosign(test_tools: Path) -> Path:
    """A reader of evidence that is not ours."""
    return test_tools / "cosign"


@pytest.fixture(scope="session")
def layout(
    toolchain: Toolchain, tmp_path_factory: pytest.TempPathFactory, worker_id: str
) -> Iterator[Layout]:
    """A platform that runs: the user's if it does, else one for this session."""
    users = process_layout()
    if lifecycle.is_running(users, toolchain.bin_dir):
        yield users
        return
    own = replace(
        users, name=TEST_PLATFORM, state=users.state.parent / TEST_PLATFORM, network=TEST_NETWORK
    )
    # The workers of one run share it: the first starts it, the last ends it.
    folder = tmp_path_factory.getbasetemp()
    using = (folder if worker_id == "master" else folder.parent) / "platform-users"
    using.mkdir(exist_ok=True)
    with exclusively(using):
        if not any(using.iterdir()):
            _start(own, toolchain)
        (using / worker_id).touch()
    try:
        yield own
    finally:
        with exclusively(using):
            (using / worker_id).unlink()
            if not any(using.iterdir()):
                lifecycle.down(own)


def _start(layout: Layout, toolchain: Toolchain) -> None:
    lifecycle.down(layout)
    try:
        lifecycle.up(layout, toolchain, say)
        advisory_database.publish(layout, toolchain.bin_dir)
    except BaseException:
        lifecycle.down(layout)
        raise


@pytest.fixture(scope="session")
def platform(
    layout: Layout, toolchain: Toolchain, tmp_path_factory: pytest.TempPathFactory
) -> Platform:
    """The platform with a Pulumi backend, passphrase and cache of the tests' own."""
    return prepare_pulumi(layout, toolchain, tmp_path_factory.mktemp("platform"))


@pytest.fixture
def sandbox(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A stack of its own, in namespaces of its own, gone after the test."""
    made = Sandbox(platform, tmp_path_factory.mktemp("stack"))
    try:
        yield made
    finally:
        made.remove()


@pytest.fixture(autouse=True)
def _no_ambient_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's shell must not reach into a test: only what a test gives an engine counts."""
    for name in list(os.environ):
        if name.startswith(("PULUMI_", "MLIFECYCLE_MODEL")):
            monkeypatch.delenv(name)
