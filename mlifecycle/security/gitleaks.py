"""Gitleaks: credentials in the working tree, and in what the repository ever held."""

import hashlib
import os
import re
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from mlifecycle.process import ToolError, run_tool
from mlifecycle.security.evidence import Scan, Secret, Target
from mlifecycle.security.kept_scan import kept_scan
from mlifecycle.security.scanner_report import findings, json_document, written

CONFIGURATION = Path(__file__).with_name("gitleaks.toml")
# Its rules, and nothing left out but what they leave out themselves.
PLAIN = "[extend]\nuseDefault = true\n"
GIT_SECONDS = 60
IGNORED = ".gitleaksignore"
# Its report does not say how much it is about, nor that it is whole.
_BYTES = re.compile(r"scanned ~(\d+) bytes")
_COMMITS = re.compile(r"(\d+) commits scanned")
_FOUND = re.compile(r"(?:leaks found: (\d+)|no leaks found)\s*$")
DEPTHS = ("--max-decode-depth", "3", "--max-archive-depth", "3")


def scan_tree(folder: Path, cache: Path, *, timeout: float) -> Scan:
    """What looks like a credential in a folder's files, those included that git does not know.

    Args:
        cache: keeps what was found in files that do not change.

    Raises:
        ToolError: Gitleaks is missing, fails, takes too long, or its report cannot be read.
    """
    if (folder / IGNORED).exists():
        # Gitleaks reads it whatever it is told, and its author would waive by it.
        raise ToolError(f"{folder.absolute() / IGNORED} is not accepted: remove it")
    configuration = CONFIGURATION.read_text()
    return kept_scan(
        cache,
        lambda: f"tree {tree_digest(folder)} {_version()} {configuration}",
        lambda: _scan(
            # By relative names: where the checkout lies must not decide what is looked at.
            ["dir", "."],
            "tree",
            _BYTES,
            timeout,
            configuration=configuration,
            directory=folder.absolute(),
        ),
    )


def tree_digest(folder: Path) -> str:
    """64 hex digits over every file that Gitleaks looks at, its name and content."""
    paths = tomllib.loads(CONFIGURATION.read_text())["allowlists"][0]["paths"]
    left_out = re.compile("|".join(paths))
    lines = []
    for parent, folders, files in os.walk(folder):
        below = Path(parent).relative_to(folder)
        folders[:] = [name for name in folders if not left_out.search(f"{below / name}/")]
        for name in files:
            file = Path(parent) / name
            # What a link leads to, Gitleaks does not look at.
            if not left_out.search(str(below / name)) and not file.is_symlink():
                lines.append(f"{_file_digest(file)}  {below / name}\n")
    return hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()


def _file_digest(file: Path) -> str:
    if not file.is_file():
        return "no file"
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def scan_history(folder: Path, cache: Path, *, timeout: float) -> Scan:
    """What looks like a credential in any commit that HEAD descends from.

    Args:
        cache: keeps what was found behind a commit: that never changes.

    Raises:
        ToolError: as `scan_tree`, or the folder is no repository.
    """
    if is_cut_off(folder):
        raise ToolError("the history is cut off here: fetch all of it (fetch-depth: 0)")
    head = _git(folder, "rev-parse", "HEAD")
    # Not the folder itself, where a .gitleaksignore would count.
    store = _git(folder, "rev-parse", "--absolute-git-dir")
    # What a merge itself has changed is in neither of its parents.
    arguments: list[str | Path] = ["git", store, "--log-opts", f"-m {head}"]
    return kept_scan(
        cache,
        lambda: f"history {head} {_version()} {PLAIN}",
        lambda: _scan(arguments, "history", _COMMITS, timeout, configuration=PLAIN),
    )


def is_cut_off(folder: Path) -> bool:
    """Whether a repository lacks a part of its history, as after `git clone --depth`.

    Raises:
        ToolError: the folder is no repository.
    """
    return _git(folder, "rev-parse", "--is-shallow-repository") != "false"


def _git(folder: Path, *arguments: str) -> str:
    return run_tool(["git", "-C", folder, *arguments], timeout=GIT_SECONDS).strip()


def _version() -> str:
    return run_tool(["gitleaks", "version"], timeout=30).strip()


def _scan(
    arguments: list[str | Path],
    target: Target,
    looked_at: re.Pattern[str],
    timeout: float,
    *,
    configuration: str,
    directory: Path | None = None,
) -> Scan:
    version = _version()
    with tempfile.TemporaryDirectory() as name:
        output, rules = Path(name) / "report.json", Path(name) / "gitleaks.toml"
        log = Path(name) / "log"
        rules.write_text(configuration)
        run_tool(
            [
                *("gitleaks", *arguments, "--config", rules, "--redact", "--no-banner"),
                # Its own code for findings is the one for errors.
                *("--no-color", "--log-level", "info", "--exit-code", "0", *DEPTHS),
                # Comments with which authors of a change would waive by themselves.
                "--ignore-gitleaks-allow",
                *("--report-format", "json", "--report-path", output),
            ],
            timeout=timeout,
            directory=directory,
            log=log,
        )
        said = log.read_text()
        inspected, found = looked_at.search(said), _FOUND.search(said)
        items = json_document(written(output), "gitleaks")
    if not isinstance(items, list):
        raise ToolError("gitleaks printed a report that this version of mlifecycle cannot read")
    if inspected is None or not int(inspected[1]):
        raise ToolError("gitleaks has looked at nothing")
    if found is None or int(found[1] or 0) != len(items):
        raise ToolError(f"gitleaks says another number of leaks than the {len(items)} it reports")
    return Scan(
        scanner="gitleaks",
        version=version,
        target=target,
        inspected=int(inspected[1]),
        secrets=findings(items, "gitleaks", "a secret's place", _secret),
    )


def _secret(item: dict[str, Any]) -> Secret:
    return Secret(
        rule=item["RuleID"], file=item["File"], line=item["StartLine"], commit=item["Commit"][:12]
    )
