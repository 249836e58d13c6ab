"""A machine that cannot build: one clear error with the remedy, before anything is begun, and
exit code 2.
"""

import os
from pathlib import Path

import pytest

from devcluster.toolchain import UnfitEnvironmentError, ensure_tools, preflight
from devcluster.toolchain.recipes import load_catalogue
from tests.unit.toolchain.workbench import Workbench


def test_missing_go_is_told_with_its_remedy(workbench: Workbench) -> None:
    workbench.environ["PATH"] = str(workbench.folder)
    outcome = workbench.run()
    assert outcome.returncode == 2
    assert outcome.stderr.startswith("error: Go is not on PATH")
    assert "Install Go 1.26 or newer" in outcome.stderr


def test_old_go_is_told_with_both_versions(workbench: Workbench) -> None:
    go = workbench.put_on_path("go", "echo go version go1.19.8 linux/amd64")
    outcome = workbench.run()
    assert outcome.returncode == 2
    assert f"error: {go} is Go 1.19; the tools need 1.26 or newer" in outcome.stderr


def test_broken_go_is_told(workbench: Workbench) -> None:
    workbench.put_on_path("go", "echo cannot find GOROOT >&2; exit 2")
    outcome = workbench.run()
    assert outcome.returncode == 2
    assert "does not tell its version: cannot find GOROOT" in outcome.stderr


def test_go_is_not_needed_where_path_has_every_tool(workbench: Workbench) -> None:
    workbench.put_on_path("go", "exit 1")
    workbench.put_on_path("greeter", "echo greeter v1.9.0")
    assert workbench.run().returncode == 0


def test_cache_that_cannot_be_written_is_told(workbench: Workbench) -> None:
    blocked = workbench.folder / "blocked"
    blocked.write_text("a file where a folder should be")
    workbench.environ["XDG_CACHE_HOME"] = str(blocked)
    outcome = workbench.run()
    assert outcome.returncode == 2
    assert f"{blocked}/mlifecycle/tools cannot be written: Not a directory" in outcome.stderr
    assert "XDG_CACHE_HOME" in outcome.stderr


def test_too_little_disk_is_told_with_folders_and_figures(
    workbench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, value in workbench.environ.items():
        monkeypatch.setenv(key, value)
    monkeypatch.setattr(preflight, "free_bytes", lambda folder: 3 * preflight.GIB)
    with pytest.raises(UnfitEnvironmentError) as caught:
        ensure_tools("up", report=lambda line: None, catalogue=load_catalogue(workbench.catalogue))
    assert "about 16.5 GiB and 3.0 GiB are free" in caught.value.message
    assert os.environ["GOCACHE"] in caught.value.message
    assert workbench.built == []


def test_disk_needs_on_one_file_system_are_added_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight, "free_bytes", lambda folder: 3 * preflight.GIB)
    preflight.check_disk({tmp_path / "a": 1.5, tmp_path / "b" / "c": 1.4})
    with pytest.raises(UnfitEnvironmentError):
        preflight.check_disk({tmp_path / "a": 1.5, tmp_path / "b" / "c": 1.6})


def test_free_space_is_asked_for_a_folder_that_does_not_exist_yet(tmp_path: Path) -> None:
    assert preflight.free_bytes(tmp_path / "not" / "yet") > 0
