"""The commands' exit codes where nothing but files is needed."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from devcluster.__main__ import app as platform
from mlifecycle.cli import app


def test_a_folder_without_a_manifest_is_no_pass(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["validate", str(tmp_path)])
    assert result.exit_code == 2
    assert result.stdout == f"❌ {tmp_path}:1:1: no manifest is in this folder\n"


@pytest.mark.parametrize("part", ["../../secrets/passphrase", "/etc/passwd", "", "none"])
def test_a_log_is_asked_for_by_a_parts_name_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    for variable in ("MLIFECYCLE_PLATFORM", "MLIFECYCLE_NETWORK"):
        monkeypatch.delenv(variable, raising=False)
    logs = tmp_path / "mlifecycle" / "mlifecycle" / "logs"
    logs.mkdir(parents=True)
    (logs / "kubelet.log").touch()
    result = CliRunner().invoke(platform, ["logs", "--", part])
    assert result.exit_code == 2
    assert result.stderr == f"error: no log of a part {part!r}; there are: kubelet\n"
