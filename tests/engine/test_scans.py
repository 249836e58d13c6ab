"""The real scanners, on what their own comments and files would let pass."""

import re
import subprocess
from pathlib import Path

import pytest

from devcluster.toolchain import Toolchain
from mlifecycle.process import ToolError
from mlifecycle.security import gitleaks
from mlifecycle.security.repository import is_on_main
from tests.engine.test_refusals import PLANTED_KEY
from tests.sandbox import Sandbox


@pytest.fixture
def leaky(tmp_path: Path, toolchain: Toolchain, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose author would waive a secret by comment, list and configuration."""
    monkeypatch.setenv("PATH", f"{toolchain.bin_dir}:/usr/bin:/bin")
    (tmp_path / "settings.py").write_text(f'KEY = "{PLANTED_KEY}"  # gitleaks:allow\n')
    (tmp_path / ".gitleaksignore").write_text("settings.py:aws-access-token:1\n")
    (tmp_path / ".gitleaks.toml").write_text("title = 'none'\n")
    return tmp_path


def git(folder: Path, *arguments: str) -> None:
    author = ("-c", "user.name=ada", "-c", "user.email=ada@example.com")
    subprocess.run(["git", "-C", folder, *author, *arguments], check=True, capture_output=True)


def test_an_author_cannot_waive_a_secret(leaky: Path) -> None:
    with pytest.raises(ToolError, match="gitleaksignore is not accepted: remove it"):
        gitleaks.scan_tree(leaky, leaky / ".mlifecycle", timeout=60)
    (leaky / ".gitleaksignore").unlink()
    (secret,) = gitleaks.scan_tree(leaky, leaky / ".mlifecycle", timeout=60).secrets
    assert (secret.rule, secret.line) == ("aws-access-token", 1)


@pytest.mark.parametrize("place", ["plain", ".venv/src/checkout"])
def test_where_a_checkout_lies_does_not_decide_what_is_looked_at(
    leaky: Path, tmp_path: Path, place: str
) -> None:
    folder = tmp_path / place
    for name in ("a.py", ".venv/made.py", "part/.venv/b.py", "part/__pycache__/c.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text((leaky / "settings.py").read_text())
    found = gitleaks.scan_tree(folder, folder / ".mlifecycle", timeout=60).secrets
    assert {secret.file for secret in found} == {
        "a.py",
        "part/.venv/b.py",
        "part/__pycache__/c.py",
    }


def test_the_history_has_no_place_that_is_not_looked_at(leaky: Path, tmp_path: Path) -> None:
    (leaky / ".venv").mkdir()
    (leaky / "settings.py").rename(leaky / ".venv" / "settings.py")
    git(leaky, "init", "--quiet", "--initial-branch", "main")
    git(leaky, "add", "--force", ".venv/settings.py")
    git(leaky, "commit", "--quiet", "--message", "a secret")
    (secret,) = gitleaks.scan_history(leaky, tmp_path / "cache", timeout=60).secrets
    assert secret.file == ".venv/settings.py"


def test_a_secret_that_was_removed_is_still_in_the_history(leaky: Path, tmp_path: Path) -> None:
    git(leaky, "init", "--quiet", "--initial-branch", "main")
    git(leaky, "add", "settings.py")
    git(leaky, "commit", "--quiet", "--message", "a secret")
    git(leaky, "rm", "--quiet", "--force", "settings.py")
    git(leaky, "commit", "--quiet", "--message", "no secret")
    (secret,) = gitleaks.scan_history(leaky, tmp_path / "cache", timeout=60).secrets
    assert (secret.file, len(secret.commit)) == ("settings.py", 12)
    # What is behind a commit is looked at once.
    (kept,) = (tmp_path / "cache" / "repository").glob("*.json")
    kept.write_text(kept.read_text().replace("settings.py", "kept.py"))
    (again,) = gitleaks.scan_history(leaky, tmp_path / "cache", timeout=60).secrets
    assert again.file == "kept.py"


def test_a_secret_that_only_a_merge_brought_is_in_the_history(leaky: Path, tmp_path: Path) -> None:
    secret = leaky / "settings.py"
    text = secret.read_text()
    secret.unlink()
    git(leaky, "init", "--quiet", "--initial-branch", "main")
    git(leaky, "commit", "--quiet", "--allow-empty", "--message", "first")
    git(leaky, "checkout", "--quiet", "-b", "other")
    git(leaky, "commit", "--quiet", "--allow-empty", "--message", "other")
    git(leaky, "checkout", "--quiet", "main")
    git(leaky, "commit", "--quiet", "--allow-empty", "--message", "main")
    git(leaky, "merge", "--quiet", "--no-commit", "other")
    secret.write_text(text)
    git(leaky, "add", "settings.py")
    git(leaky, "commit", "--quiet", "--message", "merged")
    git(leaky, "rm", "--quiet", "settings.py")
    git(leaky, "commit", "--quiet", "--message", "removed")
    found = gitleaks.scan_history(leaky, tmp_path / "cache", timeout=60).secrets
    assert {item.file for item in found} == {"settings.py"}


def test_a_history_that_is_cut_off_is_no_history(
    leaky: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)
    git(leaky, "init", "--quiet", "--initial-branch", "main")
    for number in range(2):
        (leaky / "file").write_text(str(number))
        git(leaky, "add", "file")
        git(leaky, "commit", "--quiet", "--message", "x")
    clone = tmp_path_factory.mktemp("clone") / "clone"
    git(leaky, "clone", "--quiet", "--depth", "1", f"file://{leaky}", str(clone))
    with pytest.raises(ToolError, match="cut off"):
        gitleaks.scan_history(clone, clone / "cache", timeout=60)
    # A pipeline must have it; on a person's machine the rest of it says nothing.
    assert is_on_main(leaky)
    assert not is_on_main(clone)
    monkeypatch.setenv("CI", "true")
    assert is_on_main(clone)


def test_the_gate_by_hand_exits_like_validate(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.initialise()
    good = sandbox.write_manifest()
    scan = ("scan", "--stack", sandbox.stack)
    passed = sandbox.mlifecycle(*scan, str(good))
    assert passed.code == 0, passed.output
    assert "✓ fraud-detector 2.1.0 has passed the gate" in passed.output
    assert "CVE-2025-6297 in dpkg==" in passed.output
    assert re.search(r"grype \S+: [0-9]{3} packages of the image, database ", passed.output)
    pinned = sandbox.write_manifest(("torch>=2.0.0", "torch==1.9.0"))
    refused = sandbox.mlifecycle(*scan, str(pinned))
    assert refused.code == 1
    # It can't be installed on this Python at all, and is refused by name all the same.
    said, _, databases = refused.output.partition("\nDatabases: ")
    assert re.fullmatch(
        r"grype's from \S+ of 20\d\d-\d\d-\d\d, trivy's from \S+ of 20\d\d-\d\d-\d\d\n", databases
    )
    assert said.endswith(
        "❌ Security scan failed\n"
        "\n"
        "- CVE-2022-45907 in torch==1.9.0\n"
        "  Severity: CRITICAL\n"
        "  Fix: Upgrade to torch>=1.13.1\n"
        "- CVE-2025-32434 in torch==1.9.0\n"
        "  Severity: CRITICAL\n"
        "  Fix: Upgrade to torch>=2.6.0\n"
        "- the dependencies cannot be locked: Because torch==1.9.0 has no wheels with a matching"
        " Python ABI tag (e.g., `cp311`) and you require torch==1.9.0, we can conclude that your"
        " requirements are unsatisfiable.\n"
        "\n"
        "Action Required:\n"
        "1. Update requirements.txt\n"
        "2. Rebuild container\n"
        "3. Re-submit deployment\n"
        "4. Correct spec.dependencies: one version of each must exist for the base image's Python\n"
    )
    assert sandbox.mlifecycle(*scan, str(tmp_path / "none.yaml")).code == 2
    low = sandbox.write_manifest(("accuracy: 0.94", "accuracy: 0.78"))
    judged = sandbox.mlifecycle(*scan, str(low))
    assert judged.code == 1
    assert "❌ Model failed governance check" in judged.output
