"""What the ledger may have the program make: nothing that the stack itself does not bear out."""

from datetime import date
from pathlib import Path
from typing import Any, cast

import pytest

from mlifecycle.governance.context import Context
from mlifecycle.ledger.record import Record, RecordError, Release
from mlifecycle.ledger.store import Ledger
from mlifecycle.manifest.loading import load_paths
from mlifecycle.manifest.plain import manifest_digest, to_plain
from mlifecycle.stack.holds import Hold, effective, holds_of
from mlifecycle.stack.settings import StackSettings
from tests.sandbox import SEED_MANIFEST

NAME, NAMESPACE = "fraud-detector", "ml-inference-dev"
LOADED = load_paths([SEED_MANIFEST])
PLAIN = to_plain(LOADED[0].manifest)
IMAGE = "r/fraud-detector/inference-service:2.1.0-a@sha256:0"


class Kept(Ledger):
    """A ledger of one hold, and of the release that it names."""

    held, stands = "", ""

    def last(self) -> dict[str, Record]:
        return {NAME: about("hold", held=self.held, to=self.stands, reason="it was wrong")}

    def record(self, tag: str, *, fresh: bool = False) -> Record:
        return RELEASES[tag]


def about(kind: str, **more: Any) -> Record:
    words = {"stack": "dev", "model": NAME, "sequence": 1, "after": (), "at": "", "by": ""}
    return Record(**{"kind": kind, "commit": "", **words, **more})


def item(kind: str, namespace: str | None = NAMESPACE) -> dict[str, Any]:
    metadata = {"name": NAME, **({"namespace": namespace} if namespace else {})}
    return {"type": kind, "name": NAME, "inputs": {"metadata": metadata}}


def release(*objects: dict[str, Any], image: str = IMAGE) -> Record:
    verified = {"manifest": PLAIN, "image": image, "version": "2.1.0"}
    rest = {"evidence": (), "governance": {}, "verification": {}, "inputs": {}, "outputs": {}}
    return about("release", release=Release(verified=verified, objects=objects, **rest))


DEPLOYMENT = "kubernetes:apps/v1:Deployment"
RELEASES = {
    "own": release(item(DEPLOYMENT)),
    "never released": release(item(DEPLOYMENT), image="evil/x:1@sha256:1"),
    "a command": release(item("command:local:Command")),
    "rights": release(item("kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding", None)),
    "elsewhere": release(item(DEPLOYMENT, "kube-system")),
}


class Settings:
    """Of these, a hold asks for one thing."""

    def namespace_of(self, _: object) -> str:
        return NAMESPACE


def holds(held: str, stands: str) -> dict[str, Hold]:
    ledger = Kept("r", "dev", Path("nowhere"))
    object.__setattr__(ledger, "held", held)
    object.__setattr__(ledger, "stands", stands)
    context = Context(date=date(2026, 1, 1), released={NAME: (IMAGE,)})
    return holds_of(LOADED, ledger, cast(StackSettings, Settings()), context)


def test_a_hold_is_about_just_this_manifest() -> None:
    found = holds(manifest_digest(PLAIN), "own")
    assert found == {NAME: Hold("it was wrong", RELEASES["own"].release)}
    assert effective(LOADED, found) == [LOADED[0].manifest]
    assert holds("sha256:of another", "own") == {}
    assert holds("", "own") == {}


def test_where_nothing_ran_before_nothing_runs() -> None:
    found = holds(manifest_digest(PLAIN), "")
    assert found == {NAME: Hold("it was wrong", None)}
    assert effective(LOADED, found) == []


@pytest.mark.parametrize(
    ("stands", "words"),
    [
        ("never released", "names evil/x:1@sha256:1, which was not released here"),
        ("a command", "names command:local:Command fraud-detector"),
        ("rights", "ClusterRoleBinding fraud-detector in None, which is no part of a model"),
        ("elsewhere", "Deployment fraud-detector in kube-system, which is no part"),
    ],
)
def test_whoever_can_write_to_the_registry_cannot_have_anything_made(
    stands: str, words: str
) -> None:
    with pytest.raises(RecordError, match=words):
        holds(manifest_digest(PLAIN), stands)


@pytest.mark.parametrize("kind", ["release", "hold"])
def test_only_a_release_holds_one(kind: str) -> None:
    given = {} if kind == "release" else {"release": RELEASES["own"].release}
    with pytest.raises(ValueError, match="with or without a release"):
        about(kind, **given)
