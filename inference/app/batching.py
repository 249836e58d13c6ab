"""Requests that wait at the same moment share one run of the model.

Nothing waits for company: what has arrived when the event loop gets round to it is one batch. A
run that is short happens on the event loop, for a thread's hand-over would cost more; a longer one
in a thread, and what arrives meanwhile is the next batch.

Under more load than can be answered, the newest are answered first and the oldest turned away: so
those that are answered are answered soon, and not all of them late. A request is decoded when its
turn comes, so what is turned away has cost next to nothing.
https://queue.acm.org/detail.cfm?id=2839461 (adaptive LIFO)
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from http import HTTPStatus

import numpy as np

from app.errors import RequestError
from app.metrics import Metrics
from app.model import Model
from app.tensors import Array

# Of several requests together: so many rows, and of so many seconds; one alone may have more.
# Longer batches gain little, and all of their requests wait for all of them.
BATCH_ROWS, BATCH_SECONDS = 1024, 0.02
# Longer, and probes would not be answered in between.
INLINE_SECONDS = 0.002
# Requests that wait beyond what runs: more would only wait longer than their callers do.
MAX_WAITING = 256
# Seconds that the oldest waits before the newest go first; one run, where that is longer.
PATIENCE_SECONDS = 0.01
# What waits longer is turned away: callers have given up, or alerts fire.
MAX_WAIT_SECONDS, MAX_WAIT_RUNS = 1.0, 10
# A queue that has not been empty for as long is no burst that passes (a standing queue, in the
# words of CoDel): then the newest are answered, and the others turned away.
STANDING_SECONDS, STANDING_RUNS = 0.2, 3
RETRY_AFTER_SECONDS = 1

Tensors = Mapping[str, Array]
# Gives a request's tensors, and how many rows they have.
Decode = Callable[[], tuple[Tensors, int]]


@dataclass(slots=True)
class _Request:
    """What waits: where its outputs go, and the loop's time at which it came."""

    decode: Decode
    future: asyncio.Future[list[Array]]
    since: float
    tensors: Tensors | None = None
    rows: int = 0


class Batcher:
    """Runs one model for requests."""

    def __init__(
        self, model: Model, executor: Executor, runs_at_once: int, metrics: Metrics
    ) -> None:
        self._model = model
        self._executor = executor
        self._free = runs_at_once
        self._metrics = metrics
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[_Request] = deque()
        self._is_scheduled = False
        self._run_seconds = 0.0
        # When all that waited was last taken.
        self._cleared = self._loop.time()

    @property
    def waiting(self) -> int:
        """How many requests wait for a run."""
        return len(self._waiting)

    def submit(self, decode: Decode) -> asyncio.Future[list[Array]]:
        """The outputs for a request, which `decode` reads when its turn comes.

        It raises what `decode` does, and RequestError (503, with Retry-After) where the request
        was turned away.
        """
        future: asyncio.Future[list[Array]] = self._loop.create_future()
        if len(self._waiting) >= MAX_WAITING:
            self._turn_away(self._waiting.popleft())
        self._waiting.append(_Request(decode, future, self._loop.time()))
        self._schedule()
        return future

    def _schedule(self) -> None:
        if not self._is_scheduled and self._free and self._waiting:
            self._is_scheduled = True
            self._loop.call_soon(self._run_next)

    def _run_next(self) -> None:
        self._is_scheduled = False
        batch = self._next_batch()
        if not batch:
            return
        rows = sum(request.rows for request in batch)
        self._metrics.observe_batch(rows)
        started = self._loop.time()
        if rows * self._model.seconds_per_row <= INLINE_SECONDS:
            try:
                self._settle(batch, self._infer(batch))
            except Exception as error:
                self._fail(batch, error)
            self._run_seconds = self._loop.time() - started
        else:
            self._free -= 1
            run = self._loop.run_in_executor(self._executor, self._infer, batch)
            run.add_done_callback(lambda done: self._finish(batch, started, done))
        self._schedule()

    def _next_batch(self) -> list[_Request]:
        now, waiting = self._loop.time(), self._waiting
        patience = max(PATIENCE_SECONDS, self._run_seconds)
        longest = max(MAX_WAIT_SECONDS, MAX_WAIT_RUNS * self._run_seconds)
        if now - self._cleared > max(STANDING_SECONDS, STANDING_RUNS * self._run_seconds):
            longest = patience
        turned_away = False
        while waiting and now - waiting[0].since > longest:
            self._turn_away(waiting.popleft())
            turned_away = True
        take, put_back = waiting.popleft, waiting.appendleft
        if waiting and now - waiting[0].since > patience:
            take, put_back = waiting.pop, waiting.append
        most = min(BATCH_ROWS, BATCH_SECONDS / max(1e-9, self._model.seconds_per_row))
        batch: list[_Request] = []
        total = 0
        while waiting and (self._model.can_batch or not batch):
            request = take()
            # Its caller may have gone.
            if request.future.done() or not self._is_decoded(request):
                continue
            if batch and total + request.rows > most:
                put_back(request)
                break
            batch.append(request)
            total += request.rows
        if not waiting and not turned_away:
            self._cleared = now
        return batch

    @staticmethod
    def _is_decoded(request: _Request) -> bool:
        if request.tensors is None:
            try:
                request.tensors, request.rows = request.decode()
            except Exception as error:
                request.future.set_exception(error)
        return request.tensors is not None

    def _turn_away(self, request: _Request) -> None:
        if request.future.done():
            return
        self._metrics.shed += 1
        request.future.set_exception(
            RequestError(
                "too many requests wait already",
                HTTPStatus.SERVICE_UNAVAILABLE,
                {"retry-after": str(RETRY_AFTER_SECONDS)},
            )
        )

    def _infer(self, batch: list[_Request]) -> list[Array]:
        tensors = [request.tensors for request in batch if request.tensors is not None]
        if len(tensors) == 1:
            return self._model.infer(tensors[0])
        joined = {name: np.concatenate([one[name] for one in tensors]) for name in tensors[0]}
        return self._model.infer(joined)

    def _finish(
        self,
        batch: list[_Request],
        started: float,
        done: asyncio.Future[list[Array]],
    ) -> None:
        self._free += 1
        self._run_seconds = self._loop.time() - started
        error = done.exception()
        if error is None:
            self._settle(batch, done.result())
        else:
            self._fail(batch, error)
        self._schedule()

    @staticmethod
    def _settle(batch: list[_Request], outputs: list[Array]) -> None:
        if len(batch) == 1:
            future = batch[0].future
            if not future.done():
                future.set_result(outputs)
            return
        start = 0
        for request in batch:
            end = start + request.rows
            if not request.future.done():
                request.future.set_result([output[start:end] for output in outputs])
            start = end

    @staticmethod
    def _fail(batch: list[_Request], error: BaseException) -> None:
        for request in batch:
            if not request.future.done():
                request.future.set_exception(error)
