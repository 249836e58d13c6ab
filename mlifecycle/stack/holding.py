"""How a manifest comes to be held back, and to be so no more: records of the ledger."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mlifecycle.ledger.record import Record
from mlifecycle.ledger.store import Ledger
from mlifecycle.manifest.loading import LoadedManifest
from mlifecycle.manifest.plain import manifest_digest, to_plain
from mlifecycle.manifest.schema import Manifest
from mlifecycle.report import notices
from mlifecycle.stack.recording import record_of
from mlifecycle.stack.settings import StackSettings

REASON_CHARACTERS = 500


def hold_back(
    manifests: Sequence[Manifest],
    failures: Mapping[str, str],
    ledger: Ledger,
    settings: StackSettings,
    root: Path,
) -> dict[str, Record]:
    """Hold back the manifests of models that did not answer as they must.

    Args:
        failures: what was said of each.

    Returns:
        the record of each, which names what runs from here on.

    Raises:
        ToolError: as the ledger.
    """
    last, held = ledger.last(), {}
    for manifest in manifests:
        name = manifest.metadata.name
        stands = ledger.standing(last.get(name))
        failure, version = failures[name], manifest.spec.model.version
        told = {
            "notice": notices.failed(ledger.stack, name, version, failure),
            "tell": settings.recipients(manifest),
        }
        held[name] = hold(manifest, stands, _reason(failure), ledger, root, **told)
    return held


def hold(
    manifest: Manifest,
    instead: Record | None,
    reason: str,
    ledger: Ledger,
    root: Path,
    **told: Any,
) -> Record:
    """Hold one manifest back; the record of it.

    Args:
        instead: the release that runs from here on; None where nothing does.
        told: `notice` and `tell` of the record, where there is something to tell.

    Raises:
        ToolError: as the ledger.
    """
    name = manifest.metadata.name
    return ledger.append(
        record_of(
            *("hold", ledger.stack, name, root),
            models=tuple(sorted({*ledger.last(), name})),
            version=manifest.spec.model.version,
            held=manifest_digest(to_plain(manifest)),
            to=instead.tag if instead else "",
            reason=reason[:REASON_CHARACTERS],
            **told,
        )
    )


def returned(
    manifest: Manifest, held: Record, ledger: Ledger, settings: StackSettings, root: Path
) -> Record:
    """Record that what ran before runs again, and answers as it must.

    Args:
        manifest: the one that is held back.
    """
    stands = ledger.standing(held)
    version = stands.version if stands else ""
    return ledger.append(
        record_of(
            *("rollback", ledger.stack, held.model, root),
            models=held.models,
            held=held.held,
            to=held.to,
            reason=held.reason,
            version=version,
            image=stands.image if stands else "",
            notice=notices.returned(ledger.stack, held.model, version, held.reason),
            tell=settings.recipients(manifest),
        )
    )


def release_again(model: str, reason: str, ledger: Ledger, root: Path) -> str:
    """End a hold, so that the next run tries the manifest once more; what is to be said.

    Raises:
        ToolError: as the ledger.
    """
    before = ledger.last().get(model)
    if before is None or not before.held:
        return ""
    ledger.append(_unheld(before, reason, ledger, root))
    return f"{model}: the next `mlifecycle up --stack {ledger.stack}` releases its manifest again"


def hold_no_more(held: Record, before: Record, reason: str, ledger: Ledger, root: Path) -> None:
    """Take a hold back of which nothing came: what was held before it is again, and nothing else.

    Raises:
        ToolError: as the ledger.
    """
    if not before.held:
        stands = ledger.standing(before)
        ended = held.model_copy(update={"to": stands.tag if stands else ""})
        ledger.append(_unheld(ended, reason, ledger, root))
        return
    ledger.append(
        record_of(
            *("hold", ledger.stack, held.model, root),
            models=held.models,
            version=before.version,
            held=before.held,
            to=before.to,
            reason=before.reason,
        )
    )


def keep_refusals(
    refused: Mapping[str, str],
    loaded: Iterable[LoadedManifest],
    ledger: Ledger,
    settings: StackSettings,
    root: Path,
) -> None:
    """Record the models that gate or policies refuse, each with why.

    One that is refused as it was before is no news.

    Raises:
        ToolError: as the ledger.
    """
    manifests = {item.manifest.metadata.name: item.manifest for item in loaded}
    told = {record.notice for record in ledger.newest()[1]}
    for name, why in refused.items():
        manifest = manifests[name]
        version = manifest.spec.model.version
        notice = notices.refused(ledger.stack, name, version, why)
        if notice in told:
            continue
        ledger.append(
            record_of(
                *("refusal", ledger.stack, name, root),
                models=tuple(sorted(ledger.last())),
                version=version,
                reason=_reason(why)[:REASON_CHARACTERS],
                notice=notice,
                tell=settings.recipients(manifest),
            )
        )


def _unheld(before: Record, reason: str, ledger: Ledger, root: Path) -> Record:
    return record_of(
        *("retry", ledger.stack, before.model, root),
        models=before.models,
        to=before.to,
        reason=reason[:REASON_CHARACTERS],
        version=before.version,
    )


def _reason(failure: str) -> str:
    """The line of a failure that says why."""
    match = re.search(r"^Error: (.*)$", failure, re.MULTILINE)
    return match[1] if match else failure.strip().partition("\n")[0]
