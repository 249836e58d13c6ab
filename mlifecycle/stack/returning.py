"""A release that failed is taken back: what ran before it runs again, and it is held."""

from collections.abc import Sequence
from typing import NoReturn

from mlifecycle.manifest.schema import Manifest
from mlifecycle.stack.engine import EngineError
from mlifecycle.stack.holding import hold_back, returned
from mlifecycle.stack.run import StackRun


def return_failed(failed: Sequence[Manifest], failure: EngineError, run: StackRun) -> NoReturn:
    """Hold back what failed, and put in its place what ran before.

    Raises:
        EngineError: always, saying what came of it.
    """
    held = hold_back(failed, failure.unverified, run.ledger, run.settings, run.root)
    names = ", ".join(sorted(held))
    try:
        with run.context():
            run.update(f"return {names} to what ran before")
    except EngineError as error:
        raise EngineError(
            f"{failure}\n\n❌ THE RETURN FAILED TOO. Nothing more is changed: {names} may not"
            f" answer. See mlifecycle status --stack {run.stack}\n\n{error}"
        ) from error
    lines = [f"{failure}", ""]
    for manifest in sorted(failed, key=lambda item: item.metadata.name):
        name = manifest.metadata.name
        version = returned(manifest, held[name], run.ledger, run.settings, run.root).version
        runs = f"{version} runs again, verified" if version else "nothing ran before it, it is gone"
        lines += [
            f"✓ {name} is returned: {runs}. Its manifest is held back until it changes, or",
            f"  mlifecycle retry {name} --stack {run.stack} --reason ...",
        ]
    raise EngineError("\n".join(lines)) from failure
