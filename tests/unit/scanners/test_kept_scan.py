"""What has not changed is looked at once; all else is looked at."""

from pathlib import Path

import pytest

from mlifecycle.security import gitleaks
from mlifecycle.security.evidence import Scan
from mlifecycle.security.kept_scan import kept_scan


def scan(number: int) -> Scan:
    return Scan(scanner="bandit", version="1", target="source", inspected=number)


def test_a_content_is_looked_at_once_and_another_by_itself(tmp_path: Path) -> None:
    looks = iter(map(scan, range(1, 9)))
    for name, inspected in (("a", 1), ("a", 1), ("b", 2), ("a", 1), ("b", 2)):
        found = kept_scan(tmp_path, lambda name=name: name, lambda: next(looks))
        assert found.inspected == inspected


def test_what_changed_while_it_was_looked_at_is_looked_at_again(tmp_path: Path) -> None:
    looks, names = iter(map(scan, range(1, 9))), iter(["a", "b", "a", "a"])
    for inspected in (1, 2):
        found = kept_scan(tmp_path, lambda: next(names), lambda: next(looks))
        assert found.inspected == inspected


def test_a_scan_that_fails_is_not_kept(tmp_path: Path) -> None:
    def fail() -> Scan:
        raise OSError("full")

    with pytest.raises(OSError, match="full"):
        kept_scan(tmp_path, lambda: "a", fail)
    assert kept_scan(tmp_path, lambda: "a", lambda: scan(1)).inspected == 1


def test_every_file_that_is_looked_at_counts(tmp_path: Path) -> None:
    for name in ("a.py", "b/.env", "b/__pycache__/c.pyc", ".venv/d.py", ".git/e"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1")
    digests = [gitleaks.tree_digest(tmp_path)]
    for name in ("b/__pycache__/c.pyc", ".venv/d.py", ".git/e"):
        (tmp_path / name).write_text("2")
        assert gitleaks.tree_digest(tmp_path) == digests[0]
    (tmp_path / "b" / ".env").write_text("2")
    digests.append(gitleaks.tree_digest(tmp_path))
    (tmp_path / "a.py").rename(tmp_path / "c.py")
    digests.append(gitleaks.tree_digest(tmp_path))
    (tmp_path / "b" / ".venv").mkdir()
    (tmp_path / "b" / ".venv" / "d.py").write_text("2")
    digests.append(gitleaks.tree_digest(tmp_path))
    assert len(set(digests)) == len(digests)
