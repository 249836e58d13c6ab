"""Python environments beside the product's own, kept on this machine."""

import sys
from collections.abc import Callable
from pathlib import Path

from mlifecycle.exclusive import exclusively
from mlifecycle.process import run_tool
from mlifecycle.stack.gating import CACHE

INSTALL_SECONDS = 1200


def python_with(
    requirements: Path, name: str, report: Callable[[str], None] = lambda _: None
) -> Path:
    """The interpreter of an environment with just these packages; making it may take minutes.

    Raises:
        ToolError: they cannot be installed.
    """
    folder = CACHE / "environments" / name
    made, python = folder / "made-from", folder / "bin" / "python"
    with exclusively(folder):
        if not made.exists() or made.read_text() != requirements.read_text():
            report(f"installing {name} into {folder}")
            uv = Path(sys.prefix) / "bin" / "uv"
            make: list[str | Path] = [
                uv,
                "venv",
                "--clear",
                "--quiet",
                "--python",
                sys.executable,
                folder,
            ]
            run_tool(make, timeout=INSTALL_SECONDS)
            install: list[str | Path] = [uv, "pip", "install", "--quiet", "--python", python]
            install += ["--require-hashes", "--requirement", requirements]
            run_tool(install, timeout=INSTALL_SECONDS)
            made.write_text(requirements.read_text())
    return python
