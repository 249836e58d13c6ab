"""Running other programs so that none can hang, and none outlives its time."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


class ToolError(Exception):
    """A tool is missing, failed or took too long; the message says which and what it printed."""


# Each scanner takes every option from variables too, such as severities to leave out and files to
# skip. What it is asked is ours to say.
_OPTIONS = ("TRIVY_", "GRYPE_", "SYFT_", "GITLEAKS_", "BANDIT_")


def _own_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(_OPTIONS)}


def run_tool(
    command: Sequence[str | Path],
    *,
    timeout: float,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
    standard_input: str = "",
    log: Path | None = None,
    target: Path | None = None,
) -> str:
    """Run a tool and return its standard output.

    Args:
        command: the tool and its arguments; no shell reads them.
        timeout: seconds, after which the tool and all that it started are killed.
        environment: added to this process's own.
        directory: where it runs; this process's own if None.
        standard_input: what it reads; the way for secrets, which no argument may carry.
        log: a file for its standard error, which tells how it went.
        target: a file for its standard output, which is no text then, and nothing is returned.

    Raises:
        ToolError: it is not there, it exited with another code than 0, or its time was up.
    """
    name = Path(command[0]).name
    with contextlib.ExitStack() as files:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=files.enter_context(target.open("wb")) if target else subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                env={**_own_environment(), **(environment or {})},
                cwd=directory,
                start_new_session=True,
            )
        except OSError as error:
            remedy = "Is it installed?"
            raise ToolError(f"{name} cannot be started: {error.strerror}. {remedy}") from error
    with process:
        try:
            output, errors = process.communicate(standard_input, timeout=timeout)
        except subprocess.TimeoutExpired as error:
            raise ToolError(f"{name} did not end within {timeout:.0f} s and was killed") from error
        finally:
            # Also after success: nothing that a tool left behind lives on.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    if log is not None:
        log.write_text(errors)
    if process.returncode:
        last = (
            "\n".join((errors or output or "").strip().splitlines()[-15:]) or "it printed nothing"
        )
        raise ToolError(f"{name} failed with exit code {process.returncode}:\n{last}")
    return output or ""
