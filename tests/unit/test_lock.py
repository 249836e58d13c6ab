"""The lock of dependencies: its name, what it says, what has changed, and uv's refusals."""

import pytest

from mlifecycle.dependencies import lock as locks
from mlifecycle.dependencies.lock import NO_LOCK, Lock, changes, lock_key, resolve
from mlifecycle.process import ToolError

TEXT = """numpy==2.3.0 \\
    --hash=sha256:a1 \\
    --hash=sha256:a2
six==1.17.0 \\
    --hash=sha256:b
"""


def test_a_lock_says_which_versions() -> None:
    assert Lock(TEXT).versions == {"numpy": "2.3.0", "six": "1.17.0"}
    assert Lock(TEXT).pins == ("numpy==2.3.0", "six==1.17.0")
    assert NO_LOCK.versions == {}


def test_the_digest_is_of_what_it_says_and_not_of_where_it_is_kept() -> None:
    assert Lock(TEXT).digest == Lock(TEXT, is_kept=True).digest
    assert len({Lock(TEXT).digest, NO_LOCK.digest, Lock("", "problem").digest}) == 3


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (["a>=1", "b"], ["b", "a>=1"], True),
        (["Some_Package>=1"], ["some-package >= 1"], True),
        (["a>=1", "a>=1"], ["a>=1"], True),
        (["a>=1"], ["a>=2"], False),
        (["a[x]>=1"], ["a>=1"], False),
        (["a; python_version<'3'"], ["a"], False),
    ],
)
def test_equal_dependencies_have_one_lock(one: list[str], other: list[str], same: bool) -> None:
    assert (lock_key(one) == lock_key(other)) == same


def test_changes_are_said_by_package() -> None:
    after = Lock("numpy==2.4.0 \\\n    --hash=sha256:c\nnew==1 \\\n    --hash=sha256:d\n")
    assert changes(Lock(TEXT), after) == ["+ new 1", "  numpy 2.3.0 -> 2.4.0", "- six 1.17.0"]
    assert changes(after, after) == []


def test_dependencies_are_locked_with_hashes_from_the_index() -> None:
    lock = resolve(["Six>=1.16", "six<2"])
    assert lock.versions.keys() == {"six"}
    assert lock.text.count("--hash=sha256:") >= 1


def test_nothing_needs_no_lock() -> None:
    assert resolve([]) == NO_LOCK


def test_versions_that_exclude_each_other_are_a_finding() -> None:
    lock = resolve(["six>=1.16", "six<1"])
    assert lock.versions == {}
    assert "six<1" in lock.problem
    assert "\n" not in lock.problem


def test_an_index_that_does_not_answer_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("UV_DEFAULT_INDEX", "UV_INDEX_URL"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9/simple")
    monkeypatch.setenv("UV_NO_CACHE", "1")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    with pytest.raises(ToolError, match="uv failed"):
        resolve(["six"])


def test_a_lock_that_says_nothing_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "run_tool", lambda *_args, **_options: "# nothing\n")
    with pytest.raises(ToolError, match="cannot be read"):
        resolve(["six"])
