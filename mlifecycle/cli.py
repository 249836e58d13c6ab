"""The command line. Exit codes: 0 done, 1 refused or failed, 2 unusable input, 3 our own error."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from mlifecycle.artifact import ArtifactError
from mlifecycle.governance.evaluation import evaluate
from mlifecycle.governance.findings import failure_text, refusals
from mlifecycle.governance.levels import LevelsError, load_levels
from mlifecycle.manifest.loading import ManifestError, load_paths
from mlifecycle.release.verification import VerificationError
from mlifecycle.stack.settings import SettingsError

ROOT = Path(__file__).parents[1]
UNUSABLE = (ManifestError, LevelsError, SettingsError)
REFUSED = (ArtifactError, VerificationError)

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="From a model manifest in Git to a verified service on Kubernetes.",
)


@app.callback()
def main() -> None:
    """From a model manifest in Git to a verified service on Kubernetes."""


@app.command()
def validate(
    paths: Annotated[list[Path], typer.Argument(help="manifests, or folders of them")],
) -> None:
    """Check manifests against schema and governance, without a cluster.

    Exit codes: 0 all may be deployed, 1 one is refused, 2 one cannot be read or breaks the schema.
    """
    with _explained():
        levels = load_levels()
        refused = False
        loaded = load_paths(paths)
        if not loaded:
            _fail(f"no manifest in {', '.join(map(str, paths))}", 2)
        for item in loaded:
            model = item.manifest.spec.model
            findings = evaluate(item.manifest, levels)
            if refusals(findings):
                refused = True
                print(f"{item.file}: {model.name} {model.version}\n{failure_text(findings)}")
            else:
                print(f"✓ {item.file}: {model.name} {model.version}")
        if refused:
            raise typer.Exit(1)


@app.command()
def up(stack: Annotated[str, typer.Option(help="the stack, such as dev or prod")]) -> None:
    """Preview, deploy and verify every model of a stack."""
    # The engine's library takes half a second to import, which `validate` need not pay.
    from mlifecycle.report.text import release_summary
    from mlifecycle.stack.engine import Engine, EngineError
    from mlifecycle.stack.release import release

    with _explained():
        try:
            # Where Pulumi itself would look for its project.
            project = Path(os.environ.get("PULUMI_OPTION_CWD") or ROOT)
            engine = Engine(stack, project=project, policy_pack=ROOT / "policy_pack")
            result = release(stack, engine, ROOT, _progress)
        except EngineError as error:
            _fail(str(error), 1)
        print(release_summary(stack, result))


@contextmanager
def _explained() -> Iterator[None]:
    """Each kind of failure gets its exit code and one message, without a traceback."""
    try:
        yield
    except UNUSABLE as error:
        _fail(str(error), 2)
    except REFUSED as error:
        _fail(str(error), 1)


def _fail(message: str, code: int) -> None:
    print(f"error: {message}", file=sys.stderr)
    raise typer.Exit(code)


def _progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
