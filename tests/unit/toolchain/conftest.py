"""Fixtures: a workbench per test, and Go's caches."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.unit.toolchain.workbench import CATALOGUE, MAIN, Workbench


@pytest.fixture
def workbench(tmp_path: Path, go_caches: Mapping[str, str]) -> Workbench:
    module = tmp_path / "greeting"
    module.mkdir()
    (module / "go.mod").write_text("module example.test/greeting\n\ngo 1.26\n")
    (module / "go.sum").write_text("")
    (module / "main.go").write_text(MAIN)
    (tmp_path / "tools.toml").write_text(CATALOGUE)
    home = tmp_path / "home"
    home.mkdir()
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        **go_caches,
    }
    return Workbench(tmp_path, environ)


@pytest.fixture(scope="session")
def go_caches(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """Go's caches: the user's own where there is a Go, so that a test compiles next to nothing."""
    go = shutil.which("go")
    assert go is not None, "these tests build with Go; install it and put it on PATH"
    names = ("GOCACHE", "GOMODCACHE")
    printed = subprocess.run([go, "env", *names], capture_output=True, text=True, check=True)
    return dict(zip(names, printed.stdout.splitlines(), strict=True))
