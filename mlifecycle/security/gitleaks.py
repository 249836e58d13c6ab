"""Gitleaks: credentials in the working tree, and in what the repository ever held."""

import hashlib
import re
import tempfile
from pathlib import Path
from typing import Any

from mlifecycle.exclusive import exclusively, write_whole
from mlifecycle.process import ToolError, run_tool
from mlifecycle.security.evidence import (
    Scan,
    Scans,
    Secret,
    Target,
    read_scans,
)
from mlifecycle.security.scanner_report import findings, json_document

CONFIGURATION = Path(__file__).with_name("gitleaks.toml")
# Its rules, and nothing left out.
PLAIN = "[extend]\nuseDefault = true\n"
# Its own code for findings is the one for errors, so it is told another.
FOUND = 42
GIT_SECONDS = 60
IGNORED = ".gitleaksignore"
# Its report does not say how much it is about.
_BYTES = re.compile(r"scanned ~(\d+) bytes")
_COMMITS = re.compile(r"(\d+) commits scanned")
DEPTHS = ("--max-decode-depth", "3", "--max-archive-depth", "3")


def scan_tree(folder: Path, *, timeout: float) -> Scan:
    """What looks like a credential in a folder's files, those included that git does not know.

    Raises:
        ToolError: Gitleaks is missing, fails, takes too long, or its report cannot be read.
    """
    if (folder / IGNORED).exists():
        # Gitleaks reads it whatever it is told, and its author would waive by it.
        raise ToolError(f"{folder.absolute() / IGNORED} is not accepted: remove it")
    # By relative names: where the checkout lies must not decide what is looked at.
    configuration = CONFIGURATION.read_text()
    return _scan(
        ["dir", "."],
        "tree",
        _BYTES,
        timeout,
        configuration=configuration,
        directory=folder.absolute(),
    )


def scan_history(folder: Path, cache: Path, *, timeout: float) -> Scan:
    """What looks like a credential in any commit that HEAD descends from.

    Args:
        cache: keeps what was found behind a commit: that never changes.

    Raises:
        ToolError: as `scan_tree`, or the folder is no repository.
    """
    if is_cut_off(folder):
        raise ToolError("the history is cut off here: fetch all of it (fetch-depth: 0)")
    rules = hashlib.sha256(PLAIN.encode()).hexdigest()[:16]
    head = _git(folder, "rev-parse", "HEAD")
    file = cache / "history" / f"{head}-{_version()}-{rules}.json"
    with exclusively(file):
        known = read_scans(Scans, file)
        if known is None:
            # Not the folder itself, where a .gitleaksignore would count.
            store = _git(folder, "rev-parse", "--absolute-git-dir")
            arguments: list[str | Path] = ["git", store, "--log-opts", head]
            known = Scans(
                scans=(_scan(arguments, "history", _COMMITS, timeout, configuration=PLAIN),)
            )
            write_whole(file, known.model_dump_json(indent=2))
    return known.scans[0]


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
                *("--no-color", "--log-level", "info", "--exit-code", str(FOUND), *DEPTHS),
                # Comments with which authors of a change would waive by themselves.
                "--ignore-gitleaks-allow",
                *("--report-format", "json", "--report-path", output),
            ],
            timeout=timeout,
            directory=directory,
            accepted=(0, FOUND),
            log=log,
        )
        inspected = looked_at.search(log.read_text())
        items = json_document(output.read_text() if output.exists() else "", "gitleaks")
    if not isinstance(items, list):
        raise ToolError("gitleaks printed a report that this version of mlifecycle cannot read")
    if inspected is None or not int(inspected[1]):
        raise ToolError("gitleaks has looked at nothing")
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
