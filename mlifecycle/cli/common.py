"""What every command has in common: its checkout, a stack's settings, and how failures are told."""

import io
import os
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from mlifecycle.governance.context import ContextError
from mlifecycle.governance.owners_file import OwnersFileError
from mlifecycle.manifest.loading import ManifestError
from mlifecycle.report.escape import terminal
from mlifecycle.stack.settings import SettingsError, StackSettings

if TYPE_CHECKING:
    from mlifecycle.stack.engine import Engine

ROOT = Path(__file__).parents[2]
UNUSABLE = (ManifestError, OwnersFileError, ContextError, SettingsError)


def engine_of(stack: str) -> "Engine":
    """The engine of a stack, in the folder where Pulumi itself would look for its project.

    Raises:
        EngineError: there is no such stack, or no pulumi.
    """
    # It takes half a second to import, which `validate` need not pay.
    from mlifecycle.stack.engine import Engine

    folder = Path(os.environ.get("PULUMI_OPTION_CWD") or ROOT)
    return Engine(stack, project=folder, policy_pack=ROOT / "policy_pack")


@contextmanager
def answering() -> Iterator[None]:
    """In the checkout; an engine or a tool that fails has judged nothing."""
    from mlifecycle.process import ToolError
    from mlifecycle.report.remedies import with_remedy
    from mlifecycle.stack.engine import EngineError

    # The program runs there, and an image is the same from there only.
    os.chdir(ROOT)
    try:
        yield
    except (EngineError, ToolError) as error:
        fail(with_remedy(error), 2)


@contextmanager
def stack_settings(stack: str) -> Iterator[StackSettings]:
    """A stack's settings; `answering`."""
    from mlifecycle.stack.run import settings_of

    with answering():
        yield settings_of(stack, engine_of(stack))


@contextmanager
def explained() -> Iterator[None]:
    """Each kind of failure gets its exit code and one message; only our own has a traceback."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal without UTF-8 gets escapes, not an error.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        yield
    except UNUSABLE as error:
        fail(str(error), 2)
    except (typer.Exit, BrokenPipeError):
        raise
    except Exception as error:
        traceback.print_exc()
        raise typer.Exit(3) from error


@contextmanager
def patient() -> Iterator[None]:
    """An interrupt is the engine's, which has it too: it ends what it does, and says so."""

    def wait(*_: object) -> None:
        progress("interrupted: waiting for the engine to end what it does")

    before = signal.signal(signal.SIGINT, wait)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def fail(message: str, code: int) -> None:
    print(f"error: {terminal(message)}", file=sys.stderr)
    raise typer.Exit(code)


def progress(line: str) -> None:
    print(terminal(line), file=sys.stderr, flush=True)
