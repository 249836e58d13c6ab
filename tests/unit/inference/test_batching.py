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
from app.batching import Batcher
from app.errors import RequestError
from app.metrics import Metrics
from app.model import Model


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


def rows(*values: float) -> dict[str, Any]:
    return {"x": np.array([[value] for value in values])}


def test_what_waits_together_shares_a_run_and_each_gets_its_own() -> None:
    model = Doubler()

    async def program(batcher: Batcher) -> list[Any]:
        futures = [batcher.submit(rows(*range(i, i + n)), n) for i, n in ((1, 1), (10, 3), (20, 2))]
        return [[output.ravel().tolist() for output in await future] for future in futures]

    assert run(model, program) == [
        [[2], [1]],
        [[20, 22, 24], [10, 11, 12]],
        [[40, 42], [20, 21]],
    ]
    assert model.sizes == [6]
    assert model.threads == {"MainThread"}


def test_a_long_run_is_in_a_thread_and_what_comes_meanwhile_is_the_next_batch() -> None:
    model = Doubler(seconds_per_row=1)
    model.hold.clear()

    async def program(batcher: Batcher) -> None:
        first = batcher.submit(rows(1), 1)
        await asyncio.sleep(0.01)
        later = [batcher.submit(rows(value), 1) for value in (2, 3)]
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
        for future in [batcher.submit(rows(value), 1) for value in (1, 2, 3)]:
            await future

    run(model, program)
    assert model.sizes == [1, 1, 1]


def test_a_batch_has_no_more_rows_than_a_request_may_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "BATCH_ROWS", 4)
    model = Doubler()

    async def program(batcher: Batcher) -> None:
        for future in [batcher.submit(rows(*range(3)), 3) for _ in range(3)]:
            await future

    run(model, program)
    assert model.sizes == [3, 3, 3]


def test_too_many_are_turned_away_and_the_others_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "MAX_WAITING", 2)
    model, metrics = Doubler(seconds_per_row=1), Metrics()
    model.hold.clear()

    async def program(batcher: Batcher) -> None:
        futures = [batcher.submit(rows(1), 1)]
        await asyncio.sleep(0.01)
        futures += [batcher.submit(rows(value), 1) for value in (2, 3)]
        with pytest.raises(RequestError, match="too many requests wait") as refusal:
            batcher.submit(rows(4), 1)
        assert refusal.value.status == 503
        assert refusal.value.headers == {"retry-after": "1"}
        model.hold.set()
        assert [float((await future)[0][0, 0]) for future in futures] == [2, 4, 6]

    run(model, program, metrics)
    assert metrics.shed == 1


@pytest.mark.parametrize("seconds", [0.0, 1.0])
def test_a_run_that_fails_fails_its_requests_and_no_others(seconds: float) -> None:
    class Failing(Doubler):
        def infer(self, tensors: Mapping[str, Any]) -> list[Any]:
            if (tensors["x"] < 0).any():
                raise ZeroDivisionError
            return super().infer(tensors)

    model = Failing(seconds_per_row=seconds)

    async def program(batcher: Batcher) -> None:
        for future in [batcher.submit(rows(value), 1) for value in (-1, 2)]:
            with pytest.raises(ZeroDivisionError):
                await future
        assert float((await batcher.submit(rows(3), 1))[0][0, 0]) == 6

    run(model, program)


def test_a_caller_that_has_gone_is_not_computed_for() -> None:
    model = Doubler()

    async def program(batcher: Batcher) -> None:
        gone, here = (batcher.submit(rows(value), 1) for value in (1, 2))
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
