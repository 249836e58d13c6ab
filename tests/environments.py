"""Python environments that a test needs beside its own, kept on this machine."""

import subprocess
from pathlib import Path

from mlifecycle.exclusive import exclusively
from mlifecycle.stack.gating import CACHE
from tests.sandbox import ROOT


def python_with(requirements: Path, name: str) -> Path:
    """The interpreter of an environment with just these packages."""
    folder = CACHE / "test-environments" / name
    made = folder / "made-from"
    with exclusively(folder):
        if not made.exists() or made.read_text() != requirements.read_text():
            uv = ROOT / ".venv" / "bin" / "uv"
            subprocess.run([uv, "venv", "--clear", "--quiet", folder], check=True)
            command = [uv, "pip", "install", "--quiet", "--python", folder / "bin" / "python"]
            subprocess.run([*command, "--require-hashes", "-r", requirements], check=True)
            made.write_text(requirements.read_text())
    return folder / "bin" / "python"
