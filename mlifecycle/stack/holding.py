"""Manifests that are held back: which of a stack's are, and how one comes to be, or is no more."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from mlifecycle.ledger.holds import Hold, holds_of
from mlifecycle.ledger.record import Record, manifest_digest
from mlifecycle.ledger.store import Ledger
from mlifecycle.manifest.loading import LoadedManifest
from mlifecycle.manifest.plain import from_plain, to_plain
from mlifecycle.manifest.schema import Manifest
from mlifecycle.stack.recording import record_of

REASON_CHARACTERS = 500


def standing_holds(loaded: Iterable[LoadedManifest], ledger: Ledger) -> dict[str, Hold]:
    """The holds of just these manifests, by model; one that has changed is held no more.

    Raises:
        RecordError: what is to run is torn, or changed.
        ToolError: the registry does not answer.
    """
    digests = {
        item.manifest.metadata.name: manifest_digest(to_plain(item.manifest)) for item in loaded
    }
    return {
        name: hold
        for name, hold in holds_of(ledger, digests).items()
        if digests.get(name) == hold.manifest_digest
    }


def effective(loaded: Iterable[LoadedManifest], holds: dict[str, Hold]) -> list[Manifest]:
    """The manifests of what is to run: an earlier one where one is held back."""
    found = []
    for item in loaded:
        hold = holds.get(item.manifest.metadata.name)
        if hold is None:
            found.append(item.manifest)
        elif hold.release is not None:
            found.append(from_plain(hold.release.release["manifest"]))
    return found


def hold_back(
    manifests: Sequence[Manifest], failure: str, ledger: Ledger, root: Path
) -> dict[str, Record]:
    """Hold back the manifests of models that did not answer as they must.

    Args:
        failure: what was said of them.

    Returns:
        the record of each, which names what runs from here on.

    Raises:
        RecordError, ToolError: as the ledger.
    """
    names = [manifest.metadata.name for manifest in manifests]
    last, held = ledger.last_of(names), {}
    models = tuple(sorted({*last, *names}))
    for manifest in manifests:
        name = manifest.metadata.name
        before = last.get(name)
        stands = ledger.standing(before) if before else None
        digest = manifest_digest(to_plain(manifest))
        record = record_of(
            *("hold", ledger.stack, name, root),
            models=models,
            held=digest,
            to=stands.tag if stands else "",
            reason=_reason(failure, name),
            release={"version": manifest.spec.model.version, "manifest_digest": digest},
        )
        held[name] = ledger.append(record)
    return held


def returned(held: Record, ledger: Ledger, root: Path) -> Record:
    """Record that what ran before runs again, and answers as it must."""
    stands = ledger.standing(held)
    release = {} if stands is None else dict(stands.release)
    kept = {key: release[key] for key in ("version", "image", "manifest_digest") if key in release}
    return ledger.append(
        record_of(
            *("rollback", ledger.stack, held.model, root),
            models=held.models,
            held=held.held,
            to=held.to,
            reason=held.reason,
            release=kept,
        )
    )


def release_again(model: str, reason: str, ledger: Ledger, root: Path) -> str:
    """End a hold, so that the next run tries the manifest once more; what is to be said.

    Raises:
        RecordError, ToolError: as the ledger.
    """
    before = ledger.last_of([model]).get(model)
    if before is None or not before.held:
        return ""
    ledger.append(
        record_of(
            *("retry", ledger.stack, model, root),
            models=before.models,
            to=before.to,
            reason=reason,
            release={"manifest_digest": before.held},
        )
    )
    return f"{model}: the next `mlifecycle up --stack {ledger.stack}` releases its manifest again"


def _reason(failure: str, model: str) -> str:
    """The line of the failure that says why, for that model."""
    block = failure.partition(f"{model}\n")[2] or failure
    match = re.search(r"^Error: (.*)$", block, re.MULTILINE)
    return (match[1] if match else block.strip().partition("\n")[0])[:REASON_CHARACTERS]
