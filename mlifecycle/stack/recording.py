"""What a stack has released, as the ledger keeps it: read from its state after an update."""

import getpass
import os
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mlifecycle import registry
from mlifecycle.clock import utc_now
from mlifecycle.governance.objects.unfolding import PROVIDER
from mlifecycle.ledger.record import Kind, Record, Release
from mlifecycle.ledger.store import Ledger
from mlifecycle.process import ToolError, run_tool
from mlifecycle.report import notices
from mlifecycle.stack.gating import CACHE, signer_of
from mlifecycle.stack.running import Resource, model_of, name_of, resources_of
from mlifecycle.stack.settings import MODEL_DEPLOYMENT, MODEL_VERIFICATION, StackSettings

GIT_SECONDS = 30
SECRETS = "kubernetes:core/v1:Secret"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
# By which pipelines name who runs them.
_ACTORS = ("GITHUB_ACTOR", "GITLAB_USER_LOGIN", "BUILD_REQUESTEDFOR")


def ledger_of(stack: str, settings: StackSettings) -> Ledger:
    """The stack's own."""
    return Ledger(settings.registry, stack, CACHE, signer_of(stack, settings))


def keep_releases(
    ledger: Ledger,
    verifications: Mapping[str, Mapping[str, Any]],
    root: Path,
    settings: StackSettings,
    reason: str = "",
) -> list[Record]:
    """Add a record for each model whose release is another than its last record says, and for each
    that is gone.

    Args:
        verifications: of each model that runs and answers as it must, how it was verified.
        reason: why, for all of them; then nobody is told, because it is no news.

    Returns:
        those that were added.

    Raises:
        ToolError: state or registry do not answer, or what a model returned to is torn.
    """
    resources = resources_of(ledger.stack)
    models = {name_of(i): i for i in resources.values() if i["type"] == MODEL_DEPLOYMENT}
    last, added = ledger.last(), []
    # What is held back and never ran before is in no state.
    held = {name for name, record in last.items() if record.held}
    names = tuple(sorted(models.keys() | held))
    for name in sorted(verifications.keys() & models.keys()):
        release = _release_of(models[name], resources, verifications[name])
        before = _before(last.get(name), ledger)
        if before is None or before.verified != release.verified:
            notice = _notice(ledger.stack, release, before, settings)
            record = record_of(
                *("release", ledger.stack, name, root),
                models=names,
                version=release.version,
                image=release.image,
                reason=reason,
                release=release,
                notice="" if reason else notice,
                tell=settings.recipients(release.manifest),
            )
            added.append(ledger.append(record))
    for name in sorted(last.keys() - set(names)):
        before = _before(last[name], ledger)
        gone = record_of(
            *("removal", ledger.stack, name, root),
            models=names,
            version=last[name].version,
            reason="no manifest names it",
            notice=notices.removed(ledger.stack, name, last[name].version),
            tell=settings.recipients(before.manifest) if before else (),
        )
        added.append(ledger.append(gone))
    return added


def _before(record: Record | None, ledger: Ledger) -> Release | None:
    """The release that a model's newest record leaves running."""
    stands = ledger.standing(record)
    return stands.release if stands else None


def _notice(stack: str, release: Release, before: Release | None, settings: StackSettings) -> str:
    name = release.image.partition("@")[0]
    alias = settings.alias(release.version, stack)
    known_as = f"{name.rpartition(':')[0]}:{alias}" if alias else name
    return notices.released(stack, release, before, known_as)


def record_of(kind: Kind, stack: str, model: str, root: Path, **rest: Any) -> Record:
    """A record of now, by whoever runs this, to be appended."""
    return Record(
        kind=kind,
        **rest,
        stack=stack,
        model=model,
        sequence=0,
        after=(),
        at=utc_now(),
        by=who_runs_this(),
        commit=commit_of(root),
    )


def who_runs_this() -> str:
    """Whom a pipeline names, else the user and the host."""
    actor = next(filter(None, map(os.environ.get, _ACTORS)), "")
    return actor or f"{getpass.getuser()}@{socket.gethostname()}"


def commit_of(root: Path) -> str:
    """The commit of a checkout, `+` behind it where that has changes; empty without history."""
    try:
        head = run_tool(["git", "-C", root, "rev-parse", "HEAD"], timeout=GIT_SECONDS).strip()
        changed = run_tool(["git", "-C", root, "status", "--porcelain"], timeout=GIT_SECONDS)
    except ToolError:
        return ""
    return f"{head}+" if changed.strip() else head


def _release_of(
    model: Resource, resources: Mapping[str, Resource], verification: Mapping[str, Any]
) -> Release:
    (verified,) = (
        item["inputs"]["release"]
        for item in resources.values()
        if item["type"] == MODEL_VERIFICATION and item.get("parent") == model["urn"]
    )
    repository, _, digest = verified["image"].partition("@")
    statements = registry.attachments(repository.rpartition(":")[0], digest)
    outputs = dict(model.get("outputs") or {})
    return Release(
        verified=verified,
        inputs={k: v for k, v in (model.get("inputs") or {}).items() if k != "gate"},
        governance=outputs.pop("governance", {}),
        outputs=outputs,
        objects=tuple(_objects_of(model["urn"], resources)),
        evidence=tuple(sorted(item.digest for item in statements)),
        verification=verification,
    )


def _objects_of(urn: str, resources: Mapping[str, Resource]) -> Iterator[dict[str, Any]]:
    for resource in resources.values():
        owner = model_of(resource, resources)
        if owner is None or owner["urn"] != urn or not resource["type"].startswith(PROVIDER):
            continue
        inputs = {
            key: value
            for key, value in (resource.get("inputs") or {}).items()
            # A provider's own notes; and a Secret is named only.
            if not key.startswith("__")
            and not (resource["type"] == SECRETS and key in ("data", "stringData"))
        }
        yield {"type": resource["type"], "name": name_of(resource), "inputs": inputs}
