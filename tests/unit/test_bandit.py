"""The real Bandit, on what an author would let pass."""

from pathlib import Path

import pytest

from mlifecycle.process import ToolError
from mlifecycle.security import bandit


def test_an_author_cannot_waive_a_weakness(tmp_path: Path) -> None:
    """The real scanner, on what its own comments and files would let pass."""
    (tmp_path / "load.py").write_text("import pickle\npickle.loads(b'')  # nosec\n")
    (tmp_path / ".bandit").write_text("[bandit]\nskips: B301\n")
    found = bandit.scan_source(tmp_path, timeout=60).weaknesses
    assert ("B301", "load.py", 2, "MEDIUM") in [
        (item.rule, item.file, item.line, item.severity) for item in found
    ]


def test_a_file_that_bandit_cannot_parse_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="saw no line of Python"):
        bandit.scan_source(tmp_path, timeout=60)
    (tmp_path / "a.py").write_text("def f(:\n")
    with pytest.raises(ToolError, match="could not parse"):
        bandit.scan_source(tmp_path, timeout=60)
