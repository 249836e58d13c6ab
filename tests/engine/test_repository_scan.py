"""What no model is the reason of: a scan of it that fails or finds refuses every release."""

from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from mlifecycle.governance.context import Context
from mlifecycle.governance.governance import load_governance
from mlifecycle.security import bandit
from mlifecycle.security.repository import Repository, repository_refusal
from tests.engine.gates import TODAY, Gate
from tests.engine.test_gate_failures import FAULTS, misbehave
from tests.engine.test_refusals import PLANTED_KEY
from tests.engine.test_scans import git


@pytest.fixture
def checkout(tmp_path: Path) -> Repository:
    app = tmp_path / "checkout" / "app"
    app.mkdir(parents=True)
    (app / "main.py").write_text("print('x')\n")
    return Repository(app.parent, app, tmp_path / "cache")


def refusal_of(repository: Repository) -> str:
    return repository_refusal(
        repository, "development", load_governance(), Context(date=TODAY), timeout=4
    )


@pytest.mark.parametrize("fault", FAULTS)
def test_a_scan_of_the_repository_that_fails_refuses_every_release(
    gate: Gate, fault: str, checkout: Repository
) -> None:
    assert refusal_of(checkout) == ""
    misbehave(gate, "gitleaks", fault, '*" version "*')
    # What has not changed was looked at.
    assert refusal_of(checkout) == ""
    (checkout.root / "more.py").write_text("x = 1\n")
    said = refusal_of(checkout)
    assert said.startswith("❌ Scan of the repository failed"), said
    assert "gitleaks" in said


@pytest.mark.usefixtures("gate")
def test_a_scanner_of_the_repository_that_is_not_there_refuses_every_release(
    checkout: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(_: str) -> str:
        raise PackageNotFoundError

    with monkeypatch.context() as patch:
        patch.setattr(bandit, "version", absent)
        assert "bandit is not installed" in refusal_of(checkout)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    assert "gitleaks cannot be started" in refusal_of(checkout)


@pytest.mark.usefixtures("gate")
def test_a_weakness_of_what_ships_refuses_every_release(checkout: Repository) -> None:
    (checkout.source / "main.py").write_text("import pickle\npickle.loads(b'')\n")
    said = refusal_of(checkout)
    assert said.startswith("❌ Security scan failed"), said
    assert "B301 in main.py, line 2" in said


@pytest.mark.usefixtures("gate")
def test_what_main_ever_held_refuses_every_release(checkout: Repository) -> None:
    secret = checkout.root / "settings.py"
    git(checkout.root, "init", "--quiet", "--initial-branch", "main")
    secret.write_text(f'KEY = "{PLANTED_KEY}"\n')
    git(checkout.root, "add", "settings.py")
    git(checkout.root, "commit", "--quiet", "--message", "a secret")
    secret.unlink()
    git(checkout.root, "commit", "--quiet", "--all", "--message", "no secret")
    said = refusal_of(checkout)
    assert "secret (aws-access-token) in settings.py, line 1, commit " in said
    # A pipeline may have the commit without the branch.
    git(checkout.root, "checkout", "--quiet", "--detach")
    assert refusal_of(checkout) == said
    git(checkout.root, "checkout", "--quiet", "-b", "change")
    git(checkout.root, "commit", "--quiet", "--allow-empty", "--message", "a change")
    assert refusal_of(checkout) == ""
