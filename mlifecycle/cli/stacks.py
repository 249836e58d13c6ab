"""Commands on a stack: release, and what runs."""

import sys
from enum import StrEnum
from typing import Annotated

import typer

from mlifecycle.cli.common import (
    ROOT,
    answering,
    engine_of,
    explained,
    fail,
    patient,
    progress,
    stack_settings,
)


class StatusFormat(StrEnum):
    """How `status` prints what it found."""

    TEXT = "text"
    JSON = "json"


def up(stack: Annotated[str, typer.Option(help="the stack, such as dev or prod")]) -> None:
    """Preview, deploy and verify every model of a stack."""
    # The engine's library takes half a second to import, which `validate` need not pay.
    from mlifecycle.artifact import ArtifactError
    from mlifecycle.process import ToolError
    from mlifecycle.release.verification import VerificationError
    from mlifecycle.report.remedies import with_remedy
    from mlifecycle.report.text import release_summary
    from mlifecycle.stack.engine import EngineError
    from mlifecycle.stack.release import release

    with explained(), patient():
        try:
            result = release(stack, engine_of(stack), ROOT, progress)
        except (EngineError, ArtifactError, VerificationError, ToolError) as error:
            fail(with_remedy(error), 1)
        print(release_summary(stack, result))
        if result.refused:
            fail("\n\n".join(result.refused.values()), 1)


def rollback(
    model: Annotated[str, typer.Argument(help="the model to return")],
    reason: Annotated[str, typer.Option(help="why; kept in the ledger")],
    to: Annotated[
        str, typer.Option(help="a version, or an image's digest; what ran before without")
    ] = "",
    stack: Annotated[str, typer.Option(help="the stack, such as dev or prod")] = "dev",
) -> None:
    """Return one model to a release that ran verified; its manifest is held back from then on.

    Exit codes: 0 done and verified, 1 it failed, or there is nothing to return to, 2 a manifest or
    setting is unusable, or the engine, the registry or the model store does not answer.
    """
    from mlifecycle.artifact import ArtifactError
    from mlifecycle.release.verification import VerificationError
    from mlifecycle.report.remedies import with_remedy
    from mlifecycle.report.text import rollback_summary
    from mlifecycle.stack.engine import EngineError
    from mlifecycle.stack.rollback import RollbackError
    from mlifecycle.stack.rollback import rollback as return_model
    from mlifecycle.stack.run import StackRun

    with explained(), patient(), answering():
        run = StackRun.of(stack, engine_of(stack), ROOT, progress)
        try:
            found = return_model(model, to, reason, run)
        except (EngineError, VerificationError, RollbackError) as error:
            fail(with_remedy(error), 1)
        except ArtifactError as error:
            fail(str(error), 2)
        print(rollback_summary(stack, found))


def retry(
    model: Annotated[str, typer.Argument(help="a model that is held back")],
    reason: Annotated[str, typer.Option(help="why it may end well this time; kept in the ledger")],
    stack: Annotated[str, typer.Option(help="the stack, such as dev or prod")] = "dev",
) -> None:
    """Hold a model's manifest back no more: the next `up` releases it again.

    Exit codes: 0 done, 1 it is not held back, 2 the registry or a setting is unusable.
    """
    from mlifecycle.stack.holding import release_again
    from mlifecycle.stack.recording import ledger_of

    with explained(), stack_settings(stack) as settings:
        said = release_again(model, reason, ledger_of(stack, settings), ROOT)
        if not said:
            fail(f"{model} is not held back in stack {stack}", 1)
        print(said)


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
    with explained(), stack_settings(stack) as settings:
        try:
            for name, found in verify_models(stack, settings, ROOT, models or ()):
                failed = failed or isinstance(found, Exception)
                print(verification_line(name, found), flush=True)
        except (ArtifactError, UnknownModelError) as error:
            fail(str(error), 2)
        raise typer.Exit(int(failed))


def status(
    stack: Annotated[str, typer.Option(help="the stack, such as dev or prod")] = "dev",
    output: Annotated[
        StatusFormat, typer.Option("--format", help="how to print")
    ] = StatusFormat.TEXT,
) -> None:
    """Say how each model of a stack runs, since when, by whom, and what is still owed.

    Exit codes: 0 all are well, 1 one is not, 2 stack, cluster, registry or a setting is unusable.
    """
    from mlifecycle.report.status import status_as_json, status_as_text
    from mlifecycle.stack.status import status_of

    with explained(), stack_settings(stack) as settings:
        models = status_of(stack, settings)
        show = status_as_json if output is StatusFormat.JSON else status_as_text
        print(show(stack, models))
        raise typer.Exit(int(not all(model.is_well for model in models)))


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
    from mlifecycle.report.history import history_text, problems_text
    from mlifecycle.stack.recording import ledger_of
    from mlifecycle.stack.running import state_of

    with explained(), stack_settings(stack) as settings:
        ledger = ledger_of(stack, settings)
        records, problems = ledger.all(fresh=check)
        followed = state_of(stack).records.values() if check else ()
        for tag in ledger.missing(followed):
            problems.append(f"{tag}: this stack has followed it, and it is not there")
        about = [item for item in records if model in ("", item.model)]
        print(history_text([item for item in about if item.kind != "notice"]))
        if problems:
            print(problems_text(problems), file=sys.stderr)
        elif check:
            print(f"{len(records)} records, each as it was written, and none is missing")
        raise typer.Exit(int(bool(problems)))
