"""The command line. Exit codes: 0 done, 1 refused or failed, 2 unusable input, 3 our own error."""

import typer

from mlifecycle.cli import manifests, stacks

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="From a model manifest in Git to a verified service on Kubernetes.",
)


@app.callback()
def main() -> None:
    """From a model manifest in Git to a verified service on Kubernetes."""


for command in (
    *(manifests.validate, manifests.waivers, manifests.scan, manifests.lock),
    *(stacks.up, stacks.rollback, stacks.retry, stacks.verify, stacks.status, stacks.history),
):
    app.command()(command)
