"""A release that failed is taken back: what ran before it runs again, and it is held."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from mlifecycle.ledger.store import Ledger
from mlifecycle.manifest.schema import Manifest
from mlifecycle.stack.engine import EngineError
from mlifecycle.stack.holding import hold_back, returned


def return_failed(
    failed: Sequence[Manifest],
    failure: EngineError,
    ledger: Ledger,
    root: Path,
    update: Callable[[str], object],
) -> NoReturn:
    """Hold back what failed, and put in its place what ran before.

    Args:
        update: of the stack, with a message for its history.

    Raises:
        EngineError: always, saying what came of it.
    """
    held = hold_back(failed, str(failure), ledger, root)
    names = ", ".join(sorted(held))
    try:
        update(f"return {names} to what ran before")
    except EngineError as error:
        raise EngineError(
            f"{failure}\n\n❌ THE RETURN FAILED TOO. Nothing more is changed: {names} may not"
            f" answer. See mlifecycle status --stack {ledger.stack}\n\n{error}"
        ) from error
    lines = [f"{failure}", ""]
    for name, record in sorted(held.items()):
        version = returned(record, ledger, root).version
        runs = f"{version} runs again, verified" if version else "nothing ran before it, it is gone"
        lines += [
            f"✓ {name} is returned: {runs}. Its manifest is held back until it changes, or",
            f"  mlifecycle retry {name} --stack {ledger.stack} --reason ...",
        ]
    raise EngineError("\n".join(lines)) from failure
