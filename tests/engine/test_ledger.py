"""The ledger in a real registry: nothing is lost, and what was changed is found."""

import secrets
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from mlifecycle import registry
from mlifecycle.ledger import store
from mlifecycle.ledger.record import Record, RecordError, read_record
from mlifecycle.ledger.store import RECORD, Ledger
from mlifecycle.process import run_tool
from tests.sandbox import Platform


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
