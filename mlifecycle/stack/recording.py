"""What a stack has released, as the ledger keeps it: read from its state after an update."""

import getpass
import hashlib
import json
import os
import socket
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mlifecycle import registry
from mlifecycle.governance.objects.unfolding import PROVIDER
from mlifecycle.ledger.record import Record, RecordError
from mlifecycle.ledger.store import Ledger
from mlifecycle.process import ToolError, run_tool
from mlifecycle.stack.running import Resource, model_of, name_of, resources_of
from mlifecycle.stack.settings import MODEL_DEPLOYMENT, MODEL_VERIFICATION

GIT_SECONDS = 30
SECRET = "kubernetes:core/v1:Secret"  # noqa: S105
# By which pipelines name who runs them.
_ACTORS = ("GITHUB_ACTOR", "GITLAB_USER_LOGIN", "BUILD_REQUESTEDFOR")


def keep_releases(
    ledger: Ledger, verifications: Mapping[str, Mapping[str, Any]], root: Path
) -> list[Record]:
    """Add a record for each model whose release is another than its last record says, and for each
    that is gone.

    Args:
        verifications: of each model that runs and answers as it must, how it was verified.

    Returns:
        those that were added.

    Raises:
        ToolError: state or registry do not answer.
    """
    resources = resources_of(ledger.stack)
    last = last_records(ledger, verifications)
    models, added = tuple(sorted(verifications)), []
    for urn, model in resources.items():
        if model["type"] != MODEL_DEPLOYMENT or name_of(model) not in verifications:
            continue
        name = name_of(model)
        release = _release_of(urn, model, resources, verifications[name])
        before = last.get(name)
        if before is None or before.kind == "removal" or not _is_same(before.release, release):
            objects = tuple(_objects_of(urn, resources))
            what = {"models": models, "release": release, "objects": objects}
            added.append(ledger.append(_record(ledger.stack, name, root, **what)))
    for name, before in last.items():
        if name not in verifications and before.kind != "removal":
            gone = {"kind": "removal", "models": models, "reason": "no manifest names it"}
            added.append(ledger.append(_record(ledger.stack, name, root, **gone)))
    return added


def last_records(ledger: Ledger, names: Iterable[str]) -> dict[str, Record]:
    """The newest record of each of the models, and of those that the stack had before."""
    found: dict[str, Record] = {}
    wanted = set(names)
    for tag in reversed(ledger.tags()):
        try:
            record = ledger.record(tag)
        except RecordError:
            # A torn one says nothing; `history --check` names it.
            continue
        if not found:
            wanted |= set(record.models)
        found.setdefault(record.model, record)
        if wanted <= found.keys():
            break
    return {name: record for name, record in found.items() if name in wanted}


def _record(stack: str, model: str, root: Path, **rest: Any) -> Record:
    return Record(
        **{"kind": "release", **rest},
        stack=stack,
        model=model,
        sequence=0,
        after=(),
        at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        by=_who(),
        commit=_commit(root),
    )


def _who() -> str:
    actor = next(filter(None, map(os.environ.get, _ACTORS)), "")
    return actor or f"{getpass.getuser()}@{socket.gethostname()}"


def _commit(root: Path) -> str:
    """Empty where there is no history."""
    try:
        head = run_tool(["git", "-C", root, "rev-parse", "HEAD"], timeout=GIT_SECONDS).strip()
        changed = run_tool(["git", "-C", root, "status", "--porcelain"], timeout=GIT_SECONDS)
    except ToolError:
        return ""
    return f"{head}+" if changed.strip() else head


def _release_of(
    urn: str,
    model: Resource,
    resources: Mapping[str, Resource],
    verification: Mapping[str, Any],
) -> dict[str, Any]:
    (verified,) = (
        item["inputs"]["release"]
        for item in resources.values()
        if item["type"] == MODEL_VERIFICATION and item.get("parent") == urn
    )
    manifest = json.dumps(verified["manifest"], sort_keys=True)
    repository, _, digest = verified["image"].partition("@")
    statements = registry.attachments(repository.rpartition(":")[0], digest)
    return {
        **verified,
        "manifest_digest": f"sha256:{hashlib.sha256(manifest.encode()).hexdigest()}",
        # SBOM, scans, test result and verdict, each by the digest of what holds it.
        "evidence": sorted(item.digest for item in statements),
        "governance": (model.get("outputs") or {}).get("governance") or {},
        "verification": dict(verification),
    }


def _is_same(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether nothing of what was released is another; when it was looked at, does not count."""
    keys = ("manifest_digest", "image", "build", "lock", "generator", "deployed_at")
    return all(before.get(key) == now.get(key) for key in keys)


def _objects_of(urn: str, resources: Mapping[str, Resource]) -> Iterator[dict[str, Any]]:
    for resource in resources.values():
        owner = model_of(resource, resources)
        if owner is None or owner["urn"] != urn or not resource["type"].startswith(PROVIDER):
            continue
        inputs = dict(resource.get("inputs") or {})
        if resource["type"] == SECRET:
            for key in ("data", "stringData"):
                inputs.pop(key, None)
        yield {"type": resource["type"], "name": name_of(resource), "inputs": inputs}
