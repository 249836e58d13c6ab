"""Requests that wait at the same moment share one run of the model.

Nothing waits for company: what has arrived when the event loop gets round to it is one batch. A
run that is short happens on the event loop, for a thread's hand-over would cost more; a longer one
in a thread, and what arrives meanwhile is the next batch.
"""

import asyncio
from collections import deque
from collections.abc import Mapping
from concurrent.futures import Executor
from http import HTTPStatus

import numpy as np

from app.errors import RequestError
from app.metrics import Metrics
from app.model import Model
from app.tensors import Array

# Of several requests together; one alone may have more.
BATCH_ROWS = 1024
# Longer, and probes would not be answered in between.
INLINE_SECONDS = 0.002
# Requests that wait beyond what runs: more would only wait longer than their callers do.
MAX_WAITING = 256
RETRY_AFTER_SECONDS = 1

Tensors = Mapping[str, Array]
# A request's tensors, how many rows they have, and where its outputs go.
Waiting = tuple[Tensors, int, asyncio.Future[list[Array]]]


class Batcher:
    """Runs one model for requests, in the order in which they came."""

    def __init__(
        self, model: Model, executor: Executor, runs_at_once: int, metrics: Metrics
    ) -> None:
        self._model = model
        self._executor = executor
        self._free = runs_at_once
        self._metrics = metrics
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[Waiting] = deque()
        self._is_scheduled = False

    @property
    def waiting(self) -> int:
        """How many requests wait for a run."""
        return len(self._waiting)

    def submit(self, tensors: Tensors, rows: int) -> asyncio.Future[list[Array]]:
        """The outputs for a request's tensors, which have `rows` rows.

        Raises RequestError (503, with Retry-After) where too many wait already.
        """
        if len(self._waiting) >= MAX_WAITING:
            self._metrics.shed += 1
            raise RequestError(
                "too many requests wait already",
                HTTPStatus.SERVICE_UNAVAILABLE,
                {"retry-after": str(RETRY_AFTER_SECONDS)},
            )
        future: asyncio.Future[list[Array]] = self._loop.create_future()
        self._waiting.append((tensors, rows, future))
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
        rows = sum(rows for _, rows, _ in batch)
        self._metrics.observe_batch(rows)
        if rows * self._model.seconds_per_row <= INLINE_SECONDS:
            try:
                self._settle(batch, self._infer(batch))
            except Exception as error:
                self._fail(batch, error)
        else:
            self._free -= 1
            run = self._loop.run_in_executor(self._executor, self._infer, batch)
            run.add_done_callback(lambda done: self._finish(batch, done))
        self._schedule()

    def _next_batch(self) -> list[Waiting]:
        batch: list[Waiting] = []
        total = 0
        while self._waiting:
            _, rows, future = self._waiting[0]
            if batch and (total + rows > BATCH_ROWS or not self._model.can_batch):
                break
            request = self._waiting.popleft()
            # Its caller may have gone.
            if not future.done():
                batch.append(request)
                total += rows
        return batch

    def _infer(self, batch: list[Waiting]) -> list[Array]:
        if len(batch) == 1:
            return self._model.infer(batch[0][0])
        joined = {
            name: np.concatenate([tensors[name] for tensors, _, _ in batch]) for name in batch[0][0]
        }
        return self._model.infer(joined)

    def _finish(
        self,
        batch: list[Waiting],
        done: asyncio.Future[list[Array]],
    ) -> None:
        self._free += 1
        error = done.exception()
        if error is None:
            self._settle(batch, done.result())
        else:
            self._fail(batch, error)
        self._schedule()

    @staticmethod
    def _settle(batch: list[Waiting], outputs: list[Array]) -> None:
        if len(batch) == 1:
            future = batch[0][2]
            if not future.done():
                future.set_result(outputs)
            return
        start = 0
        for _, rows, future in batch:
            if not future.done():
                future.set_result([output[start : start + rows] for output in outputs])
            start += rows

    @staticmethod
    def _fail(batch: list[Waiting], error: BaseException) -> None:
        for _, _, future in batch:
            if not future.done():
                future.set_exception(error)
