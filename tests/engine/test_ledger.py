"""The ledger in a real registry: nothing is lost, and what was changed is found."""

import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from mlifecycle import registry
from mlifecycle.ledger import store
from mlifecycle.ledger.record import Record, RecordError, read_record
from mlifecycle.ledger.store import RECORD, Ledger
from mlifecycle.process import run_tool
from mlifecycle.security.signing import StatementSigner
from tests.sandbox import Platform
from tests.unit.test_signing import pem


@pytest.fixture
def ledger(platform: Platform, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Ledger:
    for name in ("REGCTL_CONFIG", "PATH"):
        monkeypatch.setenv(name, platform.environment[name])
    return Ledger(platform.layout.registry, f"t{secrets.token_hex(4)}", tmp_path)


def about(model: str, **more: Any) -> Record:
    return Record(
        **{"kind": "removal", **more},
        stack="dev",
        model=model,
        sequence=0,
        after=(),
        at="2025-01-02T12:00:00Z",
        by="ada@host",
        commit="0123456789",
    )


def told(ledger: Ledger) -> list[tuple[int, str]]:
    records, problems = ledger.all(fresh=True)
    assert problems == []
    return [(record.sequence, record.model) for record in records]


def test_each_record_names_the_one_before_it(ledger: Ledger) -> None:
    assert told(ledger) == []
    first, second = ledger.append(about("a")), ledger.append(about("b", reason="because"))
    assert first.after == ()
    assert second.after == (first.tag,)
    assert told(ledger) == [(2, "b"), (1, "a")]


def test_two_who_write_at_once_lose_nothing_and_the_next_joins_them(
    ledger: Ledger, tmp_path: Path
) -> None:
    ledger.append(about("a"))
    writers = [Ledger(ledger.registry, ledger.stack, tmp_path / name) for name in "xy"]
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda writer: writer.append(about(writer.cache.name)), writers))
    assert {model for _, model in told(ledger)} == {"a", "x", "y"}
    joined = ledger.append(about("z"))
    heads = {record.tag for record in both} - {tag for record in both for tag in record.after}
    assert set(joined.after) == heads


def test_a_fork_is_joined(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger.append(about("a"))
    seen = ledger.newest()
    with monkeypatch.context() as patched:
        patched.setattr(Ledger, "newest", lambda _: seen)
        left, right = ledger.append(about("b")), ledger.append(about("c"))
    assert left.sequence == right.sequence == 2
    assert set(ledger.append(about("d")).after) == {left.tag, right.tag}


def test_a_record_that_was_changed_is_found(ledger: Ledger, tmp_path: Path) -> None:
    first = ledger.append(about("a"))
    changed = first.model_copy(update={"by": "eve"})
    registry.put_document(f"{ledger.repository}:{first.tag}", RECORD, changed.text())
    _, problems = ledger.all(fresh=True)
    assert problems == [f"{first.tag}: its content is another than its name says"]
    with pytest.raises(RecordError):
        Ledger(ledger.registry, ledger.stack, tmp_path / "other").record(first.tag)


def test_a_record_that_is_gone_is_found(ledger: Ledger) -> None:
    first = ledger.append(about("a"))
    ledger.append(about("b"))
    run_tool(["regctl", "tag", "rm", f"{ledger.repository}:{first.tag}"], timeout=30)
    _, problems = ledger.all(fresh=True)
    assert problems == [f"{first.tag}: a later record names it, and it is not there"]


def test_a_torn_record_stops_nobody(ledger: Ledger) -> None:
    ledger.append(about("a"))
    torn = about("b", reason="torn").model_copy(update={"sequence": 2})
    half = torn.text()[:40]
    registry.put_document(f"{ledger.repository}:{torn.tag}", RECORD, half)
    added = ledger.append(about("c"))
    assert added.sequence == 3
    assert torn.tag in added.after
    records, problems = ledger.all(fresh=True)
    assert [record.model for record in records] == ["c", "a"]
    assert problems == [f"{torn.tag}: its content is another than its name says"]


def test_many_records_are_listed_by_pages(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "PAGE", 2)
    for model in "abcde":
        ledger.append(about(model))
    assert [model for _, model in told(ledger)] == list("edcba")


def test_the_last_records_are_those_of_the_models_that_the_stack_has(ledger: Ledger) -> None:
    assert ledger.last() == {}
    ledger.append(about("a", models=("a",)))
    second = ledger.append(about("b", models=("a", "b"), held="sha256:0"))
    third = ledger.append(about("a", models=("a", "b")))
    assert ledger.last() == {"a": third, "b": second}
    ledger.append(about("b", models=("a",)))
    assert ledger.last() == {"a": third}


def test_a_registry_that_does_not_keep_it_is_told(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store.registry, "put_document", lambda *_: None)
    with pytest.raises(store.ToolError, match="is not what was put there"):
        ledger.append(about("a"))


@pytest.mark.parametrize(
    ("tag", "text", "words"),
    [
        ("latest", "", "its content is another"),
        (about("a").tag, "", "its content is another"),
        (about("a").model_copy(update={"sequence": 1}).tag, about("a").text(), "is another"),
    ],
)
def test_what_is_no_record_is_said(tag: str, text: str, words: str) -> None:
    with pytest.raises(RecordError, match=words):
        read_record(tag, text)


def test_with_a_key_only_what_it_has_signed_is_a_record(ledger: Ledger, tmp_path: Path) -> None:
    before = ledger.append(about("a"))
    own = replace(
        ledger, signer=StatementSigner.of_key(pem(ec.generate_private_key(ec.SECP256R1())))
    )
    assert own.last() == {}
    signed = own.append(about("a", models=("a",)))
    assert signed.after == (before.tag,)
    fresh = replace(own, cache=tmp_path / "another-machine")
    assert fresh.record(signed.tag) == signed
    assert fresh.last() == {"a": signed}
    assert fresh.all(fresh=True)[1] == [f"{before.tag}: is not signed by the key of this stack"]
    # What somebody else signed is none either; who has no key reads, and cannot tell.
    eve = replace(
        ledger,
        signer=StatementSigner.of_key(pem(ec.generate_private_key(ec.SECP256R1()))),
        cache=tmp_path / "eve",
    )
    forged = eve.append(about("a", reason="forged", models=("a",)))
    assert fresh.last() == {"a": signed}
    assert f"{forged.tag}: is not signed by the key of this stack" in fresh.all(fresh=True)[1]
    assert told(ledger) == [(3, "a"), (2, "a"), (1, "a")]


def test_a_tail_that_is_cut_and_a_ledger_that_is_wiped_are_found(ledger: Ledger) -> None:
    """By the records that the stack's state says it has followed."""
    first, second = ledger.append(about("a")), ledger.append(about("b"))
    followed = [first.tag, second.tag]
    ledger.require(followed)
    for tag in reversed(followed):
        run_tool(["regctl", "tag", "rm", f"{ledger.repository}:{tag}"], timeout=30)
        with pytest.raises(RecordError, match=f"lacks {second.tag}, which this stack has followed"):
            ledger.require(followed)
