"""The real Bandit, on what an author would let pass."""

from pathlib import Path

import pytest

from mlifecycle.process import ToolError
from mlifecycle.security import bandit

ONE_WEAKNESS = '"metrics": {"_totals": {"loc": 1, "SEVERITY.LOW": 1}}'


def test_an_author_cannot_waive_a_weakness(tmp_path: Path) -> None:
    """The real scanner, on what its own comments and files would let pass."""
    (tmp_path / "load.py").write_text("import pickle\npickle.loads(b'')  # nosec\n")
    (tmp_path / ".bandit").write_text("[bandit]\nskips: B301\n")
    found = bandit.scan_source(tmp_path, tmp_path / "own_cache", timeout=60).weaknesses
    assert ("B301", "load.py", 2, "MEDIUM") in [
        (item.rule, item.file, item.line, item.severity) for item in found
    ]


def test_a_file_that_bandit_cannot_parse_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="saw no line of Python"):
        bandit.scan_source(tmp_path, tmp_path / "own_cache", timeout=60)
    (tmp_path / "a.py").write_text("def f(:\n")
    with pytest.raises(ToolError, match="could not parse"):
        bandit.scan_source(tmp_path, tmp_path / "own_cache", timeout=60)


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        (None, "bandit printed nothing"),
        ("", "bandit printed nothing"),
        ('{"errors": [', "half a document"),
        ("[]", "no JSON object"),
        ("{}", "cannot read"),
        ('{"errors": [], "metrics": {"_totals": {"loc": 1}}}', "cannot read"),
        ('{"errors": [], "metrics": {"_totals": {"loc": 0}}, "results": []}', "saw no line"),
        (
            f'{{"errors": [], {ONE_WEAKNESS}, "results": []}}',
            "counts 1 weaknesses and reports 0",
        ),
        (
            f'{{"errors": [], {ONE_WEAKNESS}, "results": [{{}}]}}',
            "cannot be read",
        ),
    ],
)
def test_a_report_of_bandit_that_is_none_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, report: str | None, expected: str
) -> None:
    def fake(command: list[str | Path], **_: object) -> str:
        if report is not None and "--output" in command:
            Path(command[command.index("--output") + 1]).write_text(report)
        return "bandit 1.9.4"

    monkeypatch.setattr(bandit, "run_tool", fake)
    with pytest.raises(ToolError, match=expected):
        bandit.scan_source(tmp_path, tmp_path / "own_cache", timeout=60)


@pytest.mark.parametrize(
    ("body", "expected"), [("exit 2", "failed with exit code 2"), ("sleep 60", "did not end")]
)
def test_a_bandit_that_fails_or_hangs_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, expected: str
) -> None:
    """It runs as a module of our own Python, so a Python that does something else stands in."""
    python = tmp_path / "python"
    case = 'case " $* " in *" --version "*) echo "bandit 1"; exit 0;; esac'
    python.write_text(f"#!/bin/bash\n{case}\n{body}\n")
    python.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(python))
    with pytest.raises(ToolError, match=expected):
        bandit.scan_source(tmp_path, tmp_path / "own_cache", timeout=1)
