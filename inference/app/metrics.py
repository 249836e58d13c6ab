"""What Prometheus reads. The event loop alone writes, so plain numbers do, without locks.

Labels have few values, whatever callers send: a route is one of ours, or "other".
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from app.release import Release

# Seconds: to well past the time that a caller waits.
LATENCY_BUCKETS = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0),
)
BATCH_BUCKETS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
CONTENT_TYPE = b"text/plain; version=1.0.0; charset=utf-8"


class _Histogram:
    """Counts by bucket, and their sum."""

    def __init__(self, buckets: tuple[float, ...]) -> None:
        self._buckets = buckets
        self._counts = [0] * (len(buckets) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        self._counts[bisect_left(self._buckets, value)] += 1
        self._sum += value

    def rows(self) -> tuple[list[tuple[str, float]], float]:
        total, rows = 0, []
        for bound, count in zip((*self._buckets, float("inf")), self._counts, strict=True):
            total += count
            rows.append(("+Inf" if bound == float("inf") else str(bound), float(total)))
        return rows, self._sum


class Metrics(Collector):
    """The numbers of this process.

    shed: requests that were turned away because too many waited. in_flight: requests that are
    being answered. waiting: gives how many of them wait for a run.
    """

    def __init__(self) -> None:
        self.shed = 0
        self.in_flight = 0
        self.waiting: Callable[[], int] = int
        self._release: Release | None = None
        self._answers: dict[tuple[str, int], int] = {}
        self._latency: dict[str, _Histogram] = {}
        self._batches = _Histogram(BATCH_BUCKETS)
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def describe_model(self, release: Release) -> None:
        """Say which model this process serves."""
        self._release = release

    def observe_answer(self, route: str, status: int, seconds: float) -> None:
        """Count an answer; `route` is one of few."""
        key = (route, status)
        self._answers[key] = self._answers.get(key, 0) + 1
        histogram = self._latency.get(route)
        if histogram is None:
            histogram = self._latency[route] = _Histogram(LATENCY_BUCKETS)
        histogram.observe(seconds)

    def observe_batch(self, rows: int) -> None:
        """Count a run of the model."""
        self._batches.observe(rows)

    def text(self) -> bytes:
        """In Prometheus' text format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """As prometheus_client asks for them."""
        answers = CounterMetricFamily(
            "inference_requests", "Requests that were answered", labels=("route", "status")
        )
        for (route, status), count in self._answers.items():
            answers.add_metric((route, str(status)), count)
        yield answers
        latency = HistogramMetricFamily(
            "inference_request_duration_seconds",
            "From a request's first byte here to the last of its answer",
            labels=("route",),
        )
        for route, histogram in self._latency.items():
            latency.add_metric((route,), *histogram.rows())
        yield latency
        batches = HistogramMetricFamily("inference_batch_rows", "Rows in one run of the model")
        batches.add_metric((), *self._batches.rows())
        yield batches
        yield from self._plain()

    def _plain(self) -> Iterable[Metric]:
        yield CounterMetricFamily(
            "inference_requests_shed", "Requests that were turned away by load", value=self.shed
        )
        yield GaugeMetricFamily(
            "inference_requests_in_flight", "Requests that are being answered", value=self.in_flight
        )
        yield GaugeMetricFamily(
            "inference_requests_waiting", "Requests that wait for the model", value=self.waiting()
        )
        model = GaugeMetricFamily(
            "inference_model_info",
            "The model that is ready here",
            labels=("name", "version", "format"),
        )
        if self._release is not None:
            release = self._release
            model.add_metric((release.name, release.version, release.format), 1)
        yield model
