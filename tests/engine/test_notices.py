"""Who is told of what, once; a channel that is down is told later, and nothing is lost."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, cast

import pytest

from mlifecycle.ledger.store import Ledger
from mlifecycle.stack.settings import StackSettings
from mlifecycle.stack.telling import outstanding, owed, tell
from tests.engine.test_ledger import about, ledger

__all__ = ["ledger"]
ROOT = Path(__file__).parents[2]


class Receiver:
    """What Apprise's `json://` addresses, as a channel that may be down."""

    def __init__(self) -> None:
        self.status = 200
        self.got: list[tuple[str, str]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if receiver.status == 200:
                    receiver.got.append((body["title"], body["message"]))
                self.send_response(receiver.status)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"json://127.0.0.1:{self._server.server_port}"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


class Settings:
    """Of these, telling asks for one thing."""

    def __init__(self, **channels: str) -> None:
        self.notify_channels = {name: (address,) for name, address in channels.items()}


def settings(**channels: str) -> StackSettings:
    return cast(StackSettings, Settings(**channels))


def left(ledger: Ledger, settings: StackSettings) -> list[str]:
    return outstanding(tell(ledger, settings, ROOT))


def test_each_outcome_is_told_once_with_its_id(ledger: Ledger, receiver: Receiver) -> None:
    first = ledger.append(about("a", notice="A\nfirst", tell=("team",), models=("a",)))
    ledger.append(about("a", notice="nobody", models=("a",)))
    known = settings(team=receiver.address, others="json://127.0.0.1:1")
    assert left(ledger, known) == []
    assert receiver.got == [("A", f"first\n\nId: {first.tag[:22]}")]
    second = ledger.append(about("b", notice="B\n<b>&\\n", tell=("team",), models=("a", "b")))
    assert left(ledger, known) == []
    assert left(ledger, known) == []
    # As it is: a channel with a markup has it escaped by Apprise.
    assert receiver.got[1:] == [("B", f"<b>&\\n\n\nId: {second.tag[:22]}")]
    # It says nothing of what runs.
    assert ledger.last()["b"].tag == second.tag
    assert set(ledger.last()) == {"a", "b"}


def test_a_channel_that_is_down_is_told_later(
    ledger: Ledger, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    known = settings(team=receiver.address, down="json://127.0.0.1:1")
    ledger.append(about("a", notice="A\nfirst", tell=("down", "team"), version="1.0.0"))
    assert left(ledger, known) == ["notice of removal 1.0.0 to down"]
    receiver.status = 500
    ledger.append(about("b", notice="B\nsecond", tell=("team",), version="2.0.0"))
    both = ["notice of removal 1.0.0 to down", "notice of removal 2.0.0 to team"]
    records = len(ledger.tags())
    assert left(ledger, known) == both
    assert len(ledger.tags()) == records
    # Another machine knows it too.
    other = Ledger(ledger.registry, ledger.stack, tmp_path / "other")
    assert outstanding(owed(other)) == both
    receiver.status = 200
    assert left(other, settings(team=receiver.address, down=receiver.address)) == []
    assert [title for title, _ in receiver.got] == ["A", "A", "B"]
    # What was settled is not looked at again.
    asked: list[str] = []
    real = Ledger.record
    monkeypatch.setattr(
        Ledger, "record", lambda self, tag, **rest: asked.append(tag) or real(self, tag, **rest)
    )
    assert owed(ledger) == []
    assert len(asked) == 1


def test_who_is_killed_between_sending_and_recording_sends_it_again_with_the_same_id(
    ledger: Ledger, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.append(about("a", notice="A\nfirst", tell=("team",)))
    known = settings(team=receiver.address)
    with monkeypatch.context() as patched:
        patched.setattr(Ledger, "append", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            tell(ledger, known, ROOT)
    assert left(ledger, known) == []
    assert left(ledger, known) == []
    first, second = receiver.got
    assert first == second


@pytest.mark.parametrize("address", ["nonsense://x", "not an address", ""])
def test_an_address_that_is_none_is_outstanding_and_is_not_repeated(
    ledger: Ledger,
    address: str,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    ledger.append(about("a", notice="A\nfirst", tell=("team",), version="1.0.0"))
    assert left(ledger, settings(team=address)) == ["notice of removal 1.0.0 to team"]
    printed = caplog.text + "".join(capfd.readouterr())
    assert not address or address not in printed
