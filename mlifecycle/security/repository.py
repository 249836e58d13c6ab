"""The scans that no model is the reason of: our files, their history, and the code that ships."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from mlifecycle.governance.context import Context
from mlifecycle.governance.findings import refusals
from mlifecycle.governance.governance import Governance
from mlifecycle.process import ToolError, run_tool
from mlifecycle.report.remedies import with_remedy
from mlifecycle.security import bandit, gitleaks, verdict
from mlifecycle.security.evidence import Scan, Target
from mlifecycle.security.rules import Scanned

GIT_SECONDS = 60
MAIN = "main"


@dataclass(frozen=True)
class Repository:
    """A checkout.

    Attributes:
        source: the folder with the Python that ships.
        cache: this machine's folder for what does not change.
    """

    root: Path
    source: Path
    cache: Path


def repository_refusal(
    repository: Repository,
    environment: str,
    governance: Governance,
    context: Context,
    timeout: float,
) -> str:
    """Why nothing may be released from this checkout; empty where nothing is against it.

    Args:
        timeout: seconds for each scan.
    """
    root, cache = repository.root, repository.cache
    looks: list[tuple[str, Target, Callable[[], Scan]]] = [
        ("gitleaks", "tree", lambda: gitleaks.scan_tree(root, cache, timeout=timeout)),
        ("bandit", "source", lambda: bandit.scan_source(repository.source, cache, timeout=timeout)),
    ]
    try:
        if is_on_main(root):
            looks.append(
                ("gitleaks", "history", lambda: gitleaks.scan_history(root, cache, timeout=timeout))
            )
        with ThreadPoolExecutor(len(looks)) as pool:
            scans = list(pool.map(lambda look: look[2](), looks))
    # A file that cannot be read, say, is as good a reason as a scanner that fails.
    except (ToolError, OSError) as error:
        return f"❌ Scan of the repository failed\n\n{with_remedy(error)}"
    required = tuple((scanner, target) for scanner, target, _ in looks)
    scanned = Scanned(tuple(scans), required)
    nobody = verdict.Release(model="", version="", image_digest="", base_image="")
    found = verdict.judge(scanned, nobody, environment, governance, context)
    return verdict.failure_text(found, scans) if refusals(found) else ""


def is_on_main(root: Path) -> bool:
    """Whether this is what main holds; elsewhere a change is judged, not all that ever was.

    A pipeline (each sets `CI`) must have all of the history, and the scan says so where it is cut
    off; a person's shallow clone is told nothing by its rest.
    """
    if not (root / ".git").exists():
        return False
    if "CI" not in os.environ and gitleaks.is_cut_off(root):
        return False
    # By commit, not by branch: pipelines check out the one without the other.
    names = (f"refs/heads/{MAIN}", f"refs/remotes/*/{MAIN}")
    pointing: list[str | Path] = ["git", "-C", root, "for-each-ref", "--points-at", "HEAD", *names]
    return bool(run_tool(pointing, timeout=GIT_SECONDS).strip())
