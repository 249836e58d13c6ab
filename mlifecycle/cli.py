"""The command line. Exit codes: 0 done, 1 refused or failed, 2 unusable input, 3 our own error."""

import io
import os
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from mlifecycle.governance.context import ContextError
from mlifecycle.governance.owners_file import OwnersFileError
from mlifecycle.manifest.loading import ManifestError
from mlifecycle.report.escape import terminal
from mlifecycle.stack.settings import SettingsError, StackSettings

ROOT = Path(__file__).parents[1]
UNUSABLE = (ManifestError, OwnersFileError, ContextError, SettingsError)

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="From a model manifest in Git to a verified service on Kubernetes.",
)


class Format(StrEnum):
    """How `validate` prints what it found."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"
    SARIF = "sarif"


class WaiverFormat(StrEnum):
    """How `waivers` prints them."""

    TEXT = "text"
    JSON = "json"
    OPENVEX = "openvex"


@app.callback()
def main() -> None:
    """From a model manifest in Git to a verified service on Kubernetes."""


@app.command()
def validate(
    paths: Annotated[list[Path], typer.Argument(help="manifests, or folders of them")],
    environment: Annotated[
        str, typer.Option(help="the stack whose rules count, such as dev or prod")
    ] = "prod",
    output: Annotated[Format, typer.Option("--format", help="how to print")] = Format.TEXT,
    context: Annotated[
        Path | None, typer.Option(help="a recorded context (docs/command-line.md)")
    ] = None,
) -> None:
    """Check manifests against schema and governance, without a cluster.

    Exit codes: 0 all may be deployed, 1 one is refused, 2 one cannot be read or breaks the schema.
    """
    from mlifecycle.report.validation import as_json, as_text
    from mlifecycle.validation import validate_paths

    with _explained():
        validation = validate_paths(paths, environment, recorded=context)
        match output:
            case Format.TEXT:
                print(as_text(validation))
            case Format.JSON:
                print(as_json(validation))
            case Format.MARKDOWN:
                from mlifecycle.report.markdown import as_markdown

                print(as_markdown(validation))
            case Format.SARIF:
                from mlifecycle.report.sarif import as_sarif

                print(as_sarif(validation))
        raise typer.Exit(validation.exit_code)


@app.command()
def waivers(
    output: Annotated[
        WaiverFormat, typer.Option("--format", help="how to print")
    ] = WaiverFormat.TEXT,
) -> None:
    """List every waiver with the days that it has left.

    Exit codes: 0 listed, 2 the file cannot be used.
    """
    from mlifecycle.governance.context import read_context
    from mlifecycle.governance.governance import load_governance
    from mlifecycle.report.waivers import waivers_as_json, waivers_as_openvex, waivers_as_text

    with _explained():
        # Which rules there are decides whether a waiver waives anything.
        load_governance()
        context = read_context()
        match output:
            case WaiverFormat.TEXT:
                print(waivers_as_text(context.waivers, context.date))
            case WaiverFormat.JSON:
                print(waivers_as_json(context.waivers, context.date))
            case WaiverFormat.OPENVEX:
                print(waivers_as_openvex(context.waivers, context.date))


@app.command()
def scan(
    manifests: Annotated[list[Path], typer.Argument(help="manifests, or folders of them")],
    stack: Annotated[str, typer.Option(help="the stack whose gate it is")] = "dev",
) -> None:
    """Pass a stack's gate by hand: judge, build and scan, and push nothing.

    Exit codes: 0 all pass, 1 one is refused, 2 one cannot be read, or what judges does not answer.
    """
    from mlifecycle.report.gate import gate_text
    from mlifecycle.stack.scanning import scan as pass_gates

    files = [file.absolute() for file in manifests]
    with _explained(), _settings_of(stack) as settings:
        report = pass_gates(files, stack, settings)
        print(gate_text(report))
        raise typer.Exit(int(report.refused))


@app.command()
def lock(
    manifests: Annotated[
        list[Path] | None, typer.Argument(help="manifests, or folders of them")
    ] = None,
    stack: Annotated[str, typer.Option(help="the stack whose registry keeps the lock")] = "dev",
    base_image: Annotated[
        bool, typer.Option("--base-image", help="renew the base image's digest and its patches too")
    ] = False,
) -> None:
    """Lock dependencies to their newest versions, for every later run, and show what changed.

    Exit codes: 0 renewed, 1 some cannot be locked, 2 a manifest cannot be read, none is given, or
    the registry or the index does not answer.
    """
    from mlifecycle.report.locks import base_image_text, locks_text
    from mlifecycle.stack.locking import renew_base_image, renew_locks

    if not manifests and not base_image:
        _fail("name a manifest, or --base-image", 2)
    files = [file.absolute() for file in manifests or ()]
    with _explained(), _settings_of(stack) as settings:
        renewed = renew_locks(files, settings) if files else []
        if renewed:
            print(locks_text(renewed))
        if base_image:
            print(base_image_text(*renew_base_image(settings)))
        raise typer.Exit(int(any(item.problem for item in renewed)))


@app.command()
def up(stack: Annotated[str, typer.Option(help="the stack, such as dev or prod")]) -> None:
    """Preview, deploy and verify every model of a stack."""
    # The engine's library takes half a second to import, which `validate` need not pay.
    from mlifecycle.artifact import ArtifactError
    from mlifecycle.process import ToolError
    from mlifecycle.release.verification import VerificationError
    from mlifecycle.report.remedies import with_remedy
    from mlifecycle.report.text import release_summary
    from mlifecycle.stack.engine import Engine, EngineError
    from mlifecycle.stack.release import release

    with _explained(), _patient():
        try:
            engine = Engine(stack, project=_project(), policy_pack=ROOT / "policy_pack")
            result = release(stack, engine, ROOT, _progress)
        except (EngineError, ArtifactError, VerificationError, ToolError) as error:
            _fail(with_remedy(error), 1)
        print(release_summary(stack, result))


@app.command()
def verify(
    models: Annotated[
        list[str] | None, typer.Argument(help="names of models; all of them without")
    ] = None,
    stack: Annotated[str, typer.Option(help="the stack, such as dev or prod")] = "dev",
) -> None:
    """Ask what runs, inside the cluster and from outside, and compare it with the golden samples.

    Exit codes: 0 all answer as they must, 1 one does not, 2 a manifest or setting is unusable, or
    the model store or the engine does not answer.
    """
    from mlifecycle.artifact import ArtifactError
    from mlifecycle.report.text import verification_line
    from mlifecycle.stack.release import UnknownModelError
    from mlifecycle.stack.release import verify as verify_models

    failed = False
    with _explained(), _settings_of(stack) as settings:
        try:
            for name, found in verify_models(stack, settings, ROOT, models or ()):
                failed = failed or isinstance(found, Exception)
                print(verification_line(name, found), flush=True)
        except (ArtifactError, UnknownModelError) as error:
            _fail(str(error), 2)
        raise typer.Exit(int(failed))


@app.command()
def history(
    model: Annotated[str, typer.Argument(help="a model's name; all of them without")] = "",
    stack: Annotated[str, typer.Option(help="the stack, such as dev or prod")] = "dev",
    check: Annotated[
        bool, typer.Option("--check", help="read every record, and say whether one is wrong")
    ] = False,
) -> None:
    """Say what was released in a stack, when, from what, by whom and why; the newest first.

    Exit codes: 0 told, 1 a record is changed, torn or missing, 2 the registry does not answer.
    """
    from mlifecycle.ledger.store import Ledger
    from mlifecycle.report.history import history_text, problems_text
    from mlifecycle.stack.gating import CACHE

    with _explained(), _settings_of(stack) as settings:
        ledger = Ledger(settings.registry, stack, CACHE)
        records, problems = ledger.all(fresh=check)
        print(history_text([item for item in records if model in ("", item.model)]))
        if problems:
            print(problems_text(problems), file=sys.stderr)
        elif check:
            print(f"{len(records)} records, each as it was written, and none is missing")
        raise typer.Exit(int(bool(problems)))


def _project() -> Path:
    """Where Pulumi itself would look for its project."""
    return Path(os.environ.get("PULUMI_OPTION_CWD") or ROOT)


@contextmanager
def _settings_of(stack: str) -> Iterator[StackSettings]:
    """A stack's settings, in the checkout; an engine or a tool that fails has judged nothing."""
    from mlifecycle.process import ToolError
    from mlifecycle.report.remedies import with_remedy
    from mlifecycle.stack.engine import Engine, EngineError
    from mlifecycle.stack.release import settings_of

    # The program runs there, and an image is the same from there only.
    os.chdir(ROOT)
    try:
        engine = Engine(stack, project=_project(), policy_pack=ROOT / "policy_pack")
        yield settings_of(stack, engine)
    except (EngineError, ToolError) as error:
        _fail(with_remedy(error), 2)


@contextmanager
def _explained() -> Iterator[None]:
    """Each kind of failure gets its exit code and one message; only our own has a traceback."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal without UTF-8 gets escapes, not an error.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        yield
    except UNUSABLE as error:
        _fail(str(error), 2)
    except (typer.Exit, BrokenPipeError):
        raise
    except Exception as error:
        traceback.print_exc()
        raise typer.Exit(3) from error


@contextmanager
def _patient() -> Iterator[None]:
    """An interrupt is the engine's, which has it too: it ends what it does, and says so."""

    def wait(*_: object) -> None:
        _progress("interrupted: waiting for the engine to end what it does")

    before = signal.signal(signal.SIGINT, wait)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _fail(message: str, code: int) -> None:
    print(f"error: {terminal(message)}", file=sys.stderr)
    raise typer.Exit(code)


def _progress(line: str) -> None:
    print(terminal(line), file=sys.stderr, flush=True)
