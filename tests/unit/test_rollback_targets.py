"""Which release a rollback returns to, and what somebody else's return in the cluster is."""

import json
from datetime import date
from pathlib import Path
from typing import Any, cast

import pytest

from mlifecycle.governance.context import Context, RunningRelease
from mlifecycle.ledger.record import Record
from mlifecycle.ledger.store import Ledger
from mlifecycle.manifest.loading import load_paths
from mlifecycle.manifest.plain import to_plain
from mlifecycle.process import ToolError
from mlifecycle.stack import by_hand, live, rollback
from mlifecycle.stack.settings import StackSettings
from tests.sandbox import SEED_MANIFEST
from tests.unit.test_holding import Settings, about, release

NAME = "fraud-detector"
LOADED = load_paths([SEED_MANIFEST])
PLAIN = to_plain(LOADED[0].manifest)
REPOSITORY = f"r/{NAME}/inference-service"


def image(version: str) -> str:
    return f"{REPOSITORY}:{version}-{version[0] * 12}@sha256:{version[0] * 64}"


def released(version: str, sequence: int) -> Record:
    """A release of another manifest than today's."""
    found = release(image=image(version))
    assert found.release
    verified = {
        **found.release.verified,
        "version": version,
        "manifest": {**PLAIN, "metadata": {**PLAIN["metadata"], "description": version}},
    }
    kept = found.release.model_copy(update={"verified": verified})
    changes = {"release": kept, "sequence": sequence, "version": version, "image": image(version)}
    return found.model_copy(update=changes)


RECORDS = [released(f"{number}.0.0", number) for number in (3, 2, 1)]
IMAGES = [record.image for record in RECORDS]


class Kept(Ledger):
    """A ledger of three releases."""

    def all(self, *, fresh: bool) -> tuple[list[Record], list[str]]:
        return RECORDS, []

    def record(self, tag: str, *, fresh: bool = False) -> Record:
        return next(record for record in RECORDS if record.tag == tag)


LEDGER = Kept("r", "dev", Path("nowhere"))


@pytest.mark.parametrize(
    ("stands", "to", "found"),
    [
        ("3.0.0", "", "2.0.0"),
        ("2.0.0", "", "1.0.0"),
        ("3.0.0", "1.0.0", "1.0.0"),
        ("1.0.0", "3.0.0", "3.0.0"),
        ("3.0.0", f"sha256:{'1' * 64}", "1.0.0"),
    ],
)
def test_the_one_before_or_the_one_that_is_named(stands: str, to: str, found: str) -> None:
    (before,) = (record for record in RECORDS if record.version == stands)
    assert rollback._target(before, to, LEDGER, IMAGES)[1].version == found
    held = about("hold", to=before.tag, held="sha256:of what failed")
    assert rollback._target(held, to, LEDGER, IMAGES)[1].version == found


@pytest.mark.parametrize(
    ("to", "kept", "words"),
    [
        ("3.0.0", IMAGES, "no release '3.0.0' that ran verified and is kept: .* to 2.0.0, 1.0.0"),
        ("1.0.0", IMAGES[:2], "no release '1.0.0' .* can return to 2.0.0"),
        ("", IMAGES[:1], "no earlier release .* can return to nothing"),
    ],
)
def test_what_is_not_kept_is_not_returned_to(to: str, kept: list[str], words: str) -> None:
    with pytest.raises(rollback.RollbackError, match=words):
        rollback._target(RECORDS[0], to, LEDGER, kept)


class Aliased(Settings):
    """The stack's own tags, and its kubeconfig."""

    kube_context = ""

    def alias(self, version: str, stack: str) -> str:
        return f"{version}-{stack}"


@pytest.mark.parametrize(
    ("runs", "found"),
    [
        (image("3.0.0"), None),
        (image("2.0.0"), "2.0.0"),
        (f"{REPOSITORY}@sha256:{'2' * 64}", "2.0.0"),
        (f"{REPOSITORY}:1.0.0-dev", "1.0.0"),
        (f"{REPOSITORY}:1.0.0", None),
        ("evil/x:1", None),
        ("", None),
    ],
)
def test_only_a_release_of_the_stack_is_a_rollback_by_hand(
    runs: str, found: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deployments(*_: Any) -> dict[str, Any]:
        return {NAME: {"spec": {"template": {"spec": {"containers": [{"image": runs}]}}}}}

    monkeypatch.setattr(by_hand, "deployments_of", deployments)
    running = RunningRelease(version="3.0.0", image=IMAGES[0], manifest=PLAIN)
    context = Context(date=date(2026, 1, 1), running={NAME: running})
    settings = cast(StackSettings, Aliased())
    seen = by_hand.returned_by_hand(LOADED, LEDGER, settings, context)
    assert [record.version for record in seen.values()] == ([found] if found else [])
    changed = by_hand.changed_by_hand([NAME], settings, context)
    assert changed == ({} if runs in ("", IMAGES[0]) else {NAME: runs})


@pytest.mark.parametrize("context", ["", "no-such-context"])
def test_a_cluster_that_is_away_is_one_error_that_says_where_to_look(
    context: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody can tell then whether somebody rolled back by hand: so nothing goes on."""
    user = {"name": "u", "user": {"token": "hunter2"}}
    server = {"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}
    known = {"clusters": [server], "users": [user], "current-context": "c"}
    contexts = [{"name": "c", "context": {"cluster": "c", "user": "u"}}]
    file = tmp_path / "kubeconfig"
    file.write_text(
        json.dumps({"apiVersion": "v1", "kind": "Config", **known, "contexts": contexts})
    )
    for path in (file, tmp_path / "none"):
        monkeypatch.setenv("KUBECONFIG", str(path))
        with pytest.raises(ToolError, match="See KUBECONFIG and mlifecycle:kubeContext") as refusal:
            live.deployments_of({NAME: "ml"}, context)
        assert "hunter2" not in str(refusal.value)
