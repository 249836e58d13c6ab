"""Whatever a model file holds: nothing of it runs, and nothing that would run it is loaded."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# Where payloads leave a file when they run.
MARKER = "ran"
RUNTIMES = {"lightgbm", "onnxruntime", "tensorflow", "torch", "xgboost"}


@pytest.fixture(autouse=True)
def _nothing_runs(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    if request.node.get_closest_marker("full"):
        # They show that the libraries themselves do run it.
        yield
        return
    loaded = RUNTIMES & set(sys.modules)
    monkeypatch.chdir(tmp_path)
    yield
    assert not (tmp_path / MARKER).exists()
    assert loaded == RUNTIMES & set(sys.modules)
