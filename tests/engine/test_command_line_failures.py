"""What a person reads where a disk is full, or a registry: what failed, and what helps."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.engine.registries import small_registry
from tests.engine.test_refusals import named_by_itself
from tests.sandbox import Result, Sandbox


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def command(sandbox: Sandbox, name: str) -> Result:
    return sandbox.mlifecycle(name, str(sandbox.manifests), "--stack", sandbox.stack)


def assert_helps(result: Result, failure: str, remedy: str) -> None:
    assert failure in result.output.lower(), result.output
    assert remedy in result.output, result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize("name", ["scan", "up"])
def test_a_full_disk_is_told_with_what_helps(sandbox: Sandbox, tmp_path: Path, name: str) -> None:
    # Of another, the registry may have the evidence, and nothing has to be written.
    sandbox.write_manifest(named_by_itself(sandbox))
    with small_disk(tmp_path / "cache", "2m") as cache:
        sandbox.variables["XDG_CACHE_HOME"] = str(cache)
        result = (
            sandbox.mlifecycle("up", "--stack", sandbox.stack)
            if name == "up"
            else (command(sandbox, "scan"))
        )
    # The first on a platform asks for the base image's patches, and so for all models (2); the
    # others fail in the model's gate (1).
    assert result.code in ({1} if name == "up" else {1, 2}), result.output
    assert_helps(result, " space ", "Free space on the disk that it names")


@pytest.mark.parametrize("name", ["scan", "lock"])
def test_credentials_that_are_missing_are_told_with_what_helps(
    sandbox: Sandbox, tmp_path: Path, name: str
) -> None:
    sandbox.write_manifest()
    with small_registry(sandbox.platform, tmp_path, size="16m", locked=True) as registry:
        sandbox.variables["REGCTL_CONFIG"] = str(registry.regctl)
        sandbox.configure(registry=registry.host)
        result = command(sandbox, name)
    assert result.code == 2, result.output
    assert_helps(result, "unauthorized", "`docker login`")


def test_a_full_registry_is_told_with_what_helps(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.write_manifest()
    with small_registry(sandbox.platform, tmp_path, size="1m") as registry:
        sandbox.variables["REGCTL_CONFIG"] = str(registry.regctl)
        sandbox.configure(registry=registry.host)
        subprocess.run(["fallocate", "-l", "1020K", registry.folder / "ballast"], check=True)
        result = command(sandbox, "lock")
        assert result.code == 2, result.output
        assert_helps(result, "failed to send blob", "its disk has space")
        (registry.folder / "ballast").unlink()
        assert command(sandbox, "lock").code == 0
