"""`mlifecycle lock` against the real index and registry: what it renews, shows and keeps."""

import secrets
from pathlib import Path

import pytest

from mlifecycle.dependencies.lock import Lock
from mlifecycle.dependencies.store import LockStore
from mlifecycle.process import ToolError
from tests.sandbox import Sandbox

DEPENDENCIES = "    - torch>=2.0.0\n    - numpy>=1.24.0\n"


@pytest.fixture
def store(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LockStore:
    for name, value in sandbox.platform.environment.items():
        monkeypatch.setenv(name, value)
    sandbox.initialise()
    return LockStore(sandbox.platform.layout.registry, tmp_path)


def write_manifest(sandbox: Sandbox, *dependencies: str) -> str:
    listed = "".join(f'    - "{dependency}"\n' for dependency in dependencies)
    return str(sandbox.write_manifest((DEPENDENCIES, listed)))


def test_a_lock_is_renewed_and_shown_and_kept_for_every_run(
    sandbox: Sandbox, store: LockStore
) -> None:
    # Nobody else's dependencies: locks are the registry's, for all stacks.
    dependency = f"click>=8.1,!=7.{secrets.randbelow(10**6)}"
    old = Lock(f"click==8.1.0 \\\n    --hash=sha256:{'a' * 64}\n")
    store.keep([dependency], old)
    command = ("lock", "--stack", sandbox.stack, write_manifest(sandbox, dependency))
    renewed = sandbox.mlifecycle(*command)
    assert renewed.code == 0, renewed.output
    kept = store.kept([dependency])
    assert kept is not None
    newest = kept.versions["click"]
    assert newest != "8.1.0"
    assert "--hash=sha256:" in kept.text
    assert renewed.output == (
        f"✓ fraud-detector: 1 packages, 1 changes\n    click 8.1.0 -> {newest}\n"
    )
    again = sandbox.mlifecycle(*command)
    assert again.output == "✓ fraud-detector: 1 packages, nothing has changed\n"


def test_what_cannot_be_locked_leaves_the_old_lock(sandbox: Sandbox, store: LockStore) -> None:
    dependencies = ("click==8.1.0", f"click!=8.1.0,!=7.{secrets.randbelow(10**6)}")
    old = Lock(f"click==8.1.0 \\\n    --hash=sha256:{'a' * 64}\n")
    store.keep(dependencies, old)
    refused = sandbox.mlifecycle(
        *("lock", "--stack", sandbox.stack, write_manifest(sandbox, *dependencies))
    )
    assert refused.code == 1
    assert "❌ fraud-detector: the dependencies cannot be locked\n\n- " in refused.output
    assert store.found(dependencies) == old


@pytest.mark.parametrize(
    "text", ["<html>502 Bad Gateway</html>", "six==1.17.0 \\\n", "click==7.0 \\\n"]
)
def test_a_lock_that_is_none_of_the_dependencies_is_not_taken(
    sandbox: Sandbox, store: LockStore, text: str
) -> None:
    """Else whoever writes to the registry decides what is scanned."""
    dependency = f"click>=8.1,!=7.{secrets.randbelow(10**6)}"
    store.keep([dependency], Lock(text))
    with pytest.raises(ToolError, match="is no lock of click: renew it with mlifecycle lock"):
        store.lock_of([dependency])
    command = ("lock", "--stack", sandbox.stack, write_manifest(sandbox, dependency))
    renewed = sandbox.mlifecycle(*command)
    assert renewed.code == 0, renewed.output
    assert store.lock_of([dependency]).versions["click"]


def test_a_lock_of_nothing_that_is_there_is_said(sandbox: Sandbox, tmp_path: Path) -> None:
    nothing = sandbox.mlifecycle("lock", "--stack", sandbox.stack)
    assert (nothing.code, "name a manifest, or --base-image" in nothing.output) == (2, True)
    absent = sandbox.mlifecycle("lock", "--stack", sandbox.stack, str(tmp_path / "none.yaml"))
    assert (absent.code, "none.yaml" in absent.output) == (2, True)
