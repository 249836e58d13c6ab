"""Requests that wait together share a run; too many are turned away; none is lost or mixed up."""

import asyncio
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from app import batching
from app.batching import Batcher, Decode
from app.errors import RequestError
from app.metrics import Metrics
from app.model import Model

# Of a row: two fit into a batch by their time, and run in a thread.
SLOW = batching.BATCH_SECONDS / 2
assert SLOW > batching.INLINE_SECONDS


class Doubler:
    """Doubles its input, and notes the sizes of its batches and the thread that ran them."""

    def __init__(self, *, can_batch: bool = True, seconds_per_row: float = 0.0) -> None:
        self.can_batch = can_batch
        self.seconds_per_row = seconds_per_row
        self.sizes: list[int] = []
        self.threads: set[str] = set()
        self.hold = threading.Event()
        self.hold.set()

    def infer(self, tensors: Mapping[str, Any]) -> list[Any]:
        assert self.hold.wait(10)
        self.sizes.append(len(tensors["x"]))
        self.threads.add(threading.current_thread().name)
        return [tensors["x"] * 2, tensors["x"]]


def run(model: Doubler, program: Callable[[Batcher], Any], metrics: Metrics | None = None) -> Any:
    async def live() -> Any:
        with ThreadPoolExecutor(1, "prediction") as executor:
            batcher = Batcher(cast(Model, model), executor, 1, metrics or Metrics())
            return await program(batcher)

    return asyncio.run(live())


def rows(*values: float) -> Decode:
    return lambda: ({"x": np.array([[value] for value in values])}, len(values))


def test_what_waits_together_shares_a_run_and_each_gets_its_own() -> None:
    model = Doubler()

    async def program(batcher: Batcher) -> list[Any]:
        futures = [batcher.submit(rows(*range(i, i + n))) for i, n in ((1, 1), (10, 3), (20, 2))]
        return [[output.ravel().tolist() for output in await future] for future in futures]

    assert run(model, program) == [
        [[2], [1]],
        [[20, 22, 24], [10, 11, 12]],
        [[40, 42], [20, 21]],
    ]
    assert model.sizes == [6]
    assert model.threads == {"MainThread"}


def test_a_long_run_is_in_a_thread_and_what_comes_meanwhile_is_the_next_batch() -> None:
    model = Doubler(seconds_per_row=SLOW)
    model.hold.clear()

    async def program(batcher: Batcher) -> None:
        first = batcher.submit(rows(1))
        await asyncio.sleep(0.01)
        later = [batcher.submit(rows(value)) for value in (2, 3)]
        await asyncio.sleep(0.01)
        assert batcher.waiting == 2
        model.hold.set()
        assert [float((await future)[0][0, 0]) for future in (first, *later)] == [2, 4, 6]

    run(model, program)
    assert model.sizes == [1, 2]
    assert all(name.startswith("prediction") for name in model.threads)


def test_a_model_whose_rows_depend_on_each_other_runs_each_request_alone() -> None:
    model = Doubler(can_batch=False)

    async def program(batcher: Batcher) -> None:
        for future in [batcher.submit(rows(value)) for value in (1, 2, 3)]:
            await future

    run(model, program)
    assert model.sizes == [1, 1, 1]


def test_a_batch_has_no_more_rows_than_a_request_may_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "BATCH_ROWS", 4)
    model = Doubler()

    async def program(batcher: Batcher) -> None:
        for future in [batcher.submit(rows(*range(3))) for _ in range(3)]:
            await future

    run(model, program)
    assert model.sizes == [3, 3, 3]


def test_of_too_many_the_oldest_is_turned_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "MAX_WAITING", 2)
    model, metrics = Doubler(seconds_per_row=SLOW), Metrics()
    model.hold.clear()

    async def program(batcher: Batcher) -> None:
        runs = batcher.submit(rows(1))
        await asyncio.sleep(0.01)
        oldest, *others = [batcher.submit(rows(value)) for value in (2, 3, 4)]
        with pytest.raises(RequestError, match="too many requests wait") as refusal:
            await oldest
        assert refusal.value.status == 503
        assert refusal.value.headers == {"retry-after": "1"}
        model.hold.set()
        assert [float((await future)[0][0, 0]) for future in (runs, *others)] == [2, 6, 8]

    run(model, program, metrics)
    assert metrics.shed == 1


def test_what_has_waited_too_long_is_turned_away_undecoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "MAX_WAIT_SECONDS", 0.02)
    monkeypatch.setattr(batching, "MAX_WAIT_RUNS", 0)
    model = Doubler(seconds_per_row=SLOW)
    model.hold.clear()

    def decode() -> Any:
        raise AssertionError

    async def program(batcher: Batcher) -> None:
        first = batcher.submit(rows(1))
        await asyncio.sleep(0)
        late = batcher.submit(decode)
        await asyncio.sleep(0.05)
        model.hold.set()
        await first
        with pytest.raises(RequestError, match="too many requests wait"):
            await late

    run(model, program)


@pytest.mark.parametrize(
    ("can_batch", "patience", "order"),
    [
        (True, 0.01, [2, 4, 6, 12, 10, 8]),
        (False, 0.01, [2, 4, 12, 10, 8, 6]),
        (True, 9.0, [2, 4, 6, 8, 10, 12]),
        (False, 9.0, [2, 4, 6, 8, 10, 12]),
    ],
)
def test_when_the_oldest_has_waited_long_the_newest_go_first(
    monkeypatch: pytest.MonkeyPatch, can_batch: bool, patience: float, order: list[float]
) -> None:
    monkeypatch.setattr(batching, "PATIENCE_SECONDS", patience)
    monkeypatch.setattr(batching, "STANDING_SECONDS", 9)
    model = Doubler(can_batch=can_batch, seconds_per_row=SLOW)
    model.hold.clear()
    found = []

    async def ask(batcher: Batcher, value: float) -> None:
        found.append(float((await batcher.submit(rows(value)))[0][0, 0]))

    async def program(batcher: Batcher) -> None:
        asked = [asyncio.create_task(ask(batcher, 1))]
        await asyncio.sleep(0.01)
        asked += [asyncio.create_task(ask(batcher, value)) for value in (2, 3, 4, 5, 6)]
        await asyncio.sleep(0.05)
        model.hold.set()
        await asyncio.gather(*asked)

    run(model, program)
    assert found == order


def test_what_cannot_be_decoded_fails_alone() -> None:
    model = Doubler()

    def decode() -> Any:
        raise RequestError("no rows")

    async def program(batcher: Batcher) -> None:
        wrong, right = batcher.submit(decode), batcher.submit(rows(2))
        assert float((await right)[0][0, 0]) == 4
        with pytest.raises(RequestError, match="no rows"):
            await wrong

    run(model, program)
    assert model.sizes == [1]


@pytest.mark.parametrize("seconds", [0.0, SLOW])
def test_a_run_that_fails_fails_its_requests_and_no_others(seconds: float) -> None:
    class Failing(Doubler):
        def infer(self, tensors: Mapping[str, Any]) -> list[Any]:
            if (tensors["x"] < 0).any():
                raise ZeroDivisionError
            return super().infer(tensors)

    model = Failing(seconds_per_row=seconds)

    async def program(batcher: Batcher) -> None:
        for future in [batcher.submit(rows(value)) for value in (-1, 2)]:
            with pytest.raises(ZeroDivisionError):
                await future
        assert float((await batcher.submit(rows(3)))[0][0, 0]) == 6

    run(model, program)


def test_a_caller_that_has_gone_is_not_computed_for() -> None:
    model = Doubler()

    async def program(batcher: Batcher) -> None:
        gone, here = (batcher.submit(rows(value)) for value in (1, 2))
        gone.cancel()
        assert float((await here)[0][0, 0]) == 4

    run(model, program)
    assert model.sizes == [1]


def test_the_numbers_are_right_under_every_status() -> None:
    metrics = Metrics()
    metrics.describe_model(cast(Any, SimpleNamespace(name="m", version="1", format="onnx")))
    for status, seconds in ((200, 0.001), (200, 0.0011), (400, 0.5), (503, 70.0)):
        metrics.observe_answer("/predict", status, seconds)
    metrics.observe_batch(1)
    metrics.observe_batch(3)
    lines = metrics.text().decode().splitlines()
    route = 'route="/predict"'
    for line in (
        f'inference_requests_total{{{route},status="200"}} 2.0',
        f'inference_requests_total{{{route},status="503"}} 1.0',
        f'inference_request_duration_seconds_bucket{{le="0.001",{route}}} 1.0',
        f'inference_request_duration_seconds_bucket{{le="0.0025",{route}}} 2.0',
        f'inference_request_duration_seconds_bucket{{le="60.0",{route}}} 3.0',
        f'inference_request_duration_seconds_bucket{{le="+Inf",{route}}} 4.0',
        f"inference_request_duration_seconds_count{{{route}}} 4.0",
        f"inference_request_duration_seconds_sum{{{route}}} 70.5021",
        'inference_batch_rows_bucket{le="1"} 1.0',
        'inference_batch_rows_bucket{le="4"} 2.0',
        "inference_batch_rows_count 2.0",
        "inference_batch_rows_sum 4.0",
        "inference_requests_shed_total 0.0",
        'inference_model_info{format="onnx",name="m",version="1"} 1.0',
    ):
        assert line in lines, line
