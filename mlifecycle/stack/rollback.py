"""`mlifecycle rollback`: one model back to a release that ran verified, and nothing else."""

from collections.abc import Collection
from dataclasses import replace

from mlifecycle.ledger.record import Record, Release
from mlifecycle.ledger.store import Ledger
from mlifecycle.stack.engine import EngineError
from mlifecycle.stack.holding import hold, hold_no_more, returned
from mlifecycle.stack.run import ReleasedModel, StackRun, words_of


class RollbackError(Exception):
    """There is nothing to return to; the message says what there is. Nothing was changed."""


def rollback(model: str, to: str, reason: str, run: StackRun) -> ReleasedModel:
    """Return one model; the others stay as they are, whatever their manifests say.

    It is on record before anything is changed, and every later run obeys it: one that is killed is
    ended by the next `mlifecycle up`.

    Args:
        to: a version, or an image's digest, `sha256:<hex>`; empty for what ran before.
        reason: kept in the ledger and in the stack's history.

    Raises:
        RollbackError: there is nothing to return to, or the stack runs no such model.
        EngineError: the preview failed, and nothing was changed; or the return itself failed.
        VerificationError: what was returned to does not answer as its samples say.
    """
    loaded = {item.manifest.metadata.name: item for item in run.loaded()}
    with run.context() as context:
        run.keep_running(context)
    last = run.ledger.last()
    if model not in loaded or model not in last:
        known = ", ".join(sorted(loaded.keys() & last.keys())) or "none"
        raise RollbackError(
            f"stack {run.stack} has no model {model!r} to roll back: it has {known}"
        )
    before = last[model]
    target, release = _target(before, to, run.ledger, context.released.get(model, ()))
    others = dict.fromkeys(loaded.keys() - {model}, f"only {model} is rolled back in this run")
    run = replace(run, pinned=others)
    held = hold(loaded[model].manifest, target, reason, run.ledger, run.root)
    with run.context():
        run.report(f"previewing the return of {model} to {release.version}, {release.image}")
        try:
            preview = run.preview()
        except EngineError:
            hold_no_more(held, before, "the preview of the rollback failed", run.ledger, run.root)
            raise
        words = f"roll back to {words_of([release.manifest], preview.outputs)}"
        try:
            run.update(f"{words}: {' '.join(reason.split())}")
        except EngineError as error:
            raise EngineError(
                f"❌ THE ROLLBACK FAILED. Nothing more is changed: {model} may not answer. See"
                f" mlifecycle status --stack {run.stack}\n\n{error}"
            ) from error
    (found,) = run.verified([release.manifest])
    returned(loaded[model].manifest, held, run.ledger, run.settings, run.root)
    run.tell()
    return found


def _target(
    before: Record, to: str, ledger: Ledger, released: Collection[str]
) -> tuple[Record, Release]:
    """The newest release of a model that is meant, with its record.

    Args:
        released: the images that the cluster admits.
    """
    stands = ledger.standing(before)
    found = [
        (record, record.release)
        for record in ledger.all(fresh=False)[0]
        if record.model == before.model and record.release and record.release.image in released
    ]
    others = [item for item in found if stands is None or item[0].tag != stands.tag]
    if to:
        meant = [item for item in others if to in (item[1].version, item[1].image.split("@")[1])]
    else:
        meant = [item for item in others if stands is None or item[0].sequence < stands.sequence]
    if not meant:
        known = ", ".join(dict.fromkeys(release.version for _, release in others)) or "nothing"
        what = f"release {to!r}" if to else "earlier release"
        raise RollbackError(
            f"{before.model} has no {what} that ran verified and is kept: it can return to {known}"
        )
    return meant[0]
