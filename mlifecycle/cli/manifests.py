"""Commands on manifests: what they are, and what a stack's gate says of them."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from mlifecycle.cli.common import explained, fail, stack_settings


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

    with explained():
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

    with explained():
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
    with explained(), stack_settings(stack) as settings:
        report = pass_gates(files, stack, settings)
        print(gate_text(report))
        raise typer.Exit(int(report.refused))


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
        fail("name a manifest, or --base-image", 2)
    files = [file.absolute() for file in manifests or ()]
    with explained(), stack_settings(stack) as settings:
        renewed = renew_locks(files, settings) if files else []
        if renewed:
            print(locks_text(renewed))
        if base_image:
            print(base_image_text(*renew_base_image(settings)))
        raise typer.Exit(int(any(item.problem for item in renewed)))
