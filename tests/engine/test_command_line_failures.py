"""What a person reads where a disk is full, or a registry: what failed, and what helps."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.engine.registries import small_registry
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


def assert_helps(result: Result, code: int, failure: str, remedy: str) -> None:
    assert result.code == code, result.output
    assert failure in result.output.lower(), result.output
    assert remedy in result.output, result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize("name", ["scan", "up"])
def test_a_full_disk_is_told_with_what_helps(sandbox: Sandbox, tmp_path: Path, name: str) -> None:
    sandbox.write_manifest()
    with small_disk(tmp_path / "cache", "2m") as cache:
        sandbox.variables["XDG_CACHE_HOME"] = str(cache)
        result = (
            sandbox.mlifecycle("up", "--stack", sandbox.stack)
            if name == "up"
            else (command(sandbox, "scan"))
        )
    assert_helps(result, 1, "no space left on device", "Free space on the disk that it names")


@pytest.mark.parametrize("name", ["scan", "lock"])
def test_credentials_that_are_missing_are_told_with_what_helps(
    sandbox: Sandbox, tmp_path: Path, name: str
) -> None:
    sandbox.write_manifest()
    with small_registry(sandbox.platform, tmp_path, size="16m", locked=True) as registry:
        sandbox.variables["REGCTL_CONFIG"] = str(registry.regctl)
        sandbox.configure(registry=registry.host)
        result = command(sandbox, name)
    assert_helps(result, 2, "unauthorized", "`docker login`")


def test_a_full_registry_is_told_with_what_helps(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.write_manifest()
    with small_registry(sandbox.platform, tmp_path, size="1m") as registry:
        sandbox.variables["REGCTL_CONFIG"] = str(registry.regctl)
        sandbox.configure(registry=registry.host)
        subprocess.run(["fallocate", "-l", "1020K", registry.folder / "ballast"], check=True)
        assert_helps(command(sandbox, "lock"), 2, "no space left on device", "Free space")
        (registry.folder / "ballast").unlink()
        assert command(sandbox, "lock").code == 0
