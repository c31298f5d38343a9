"""Metrics: counts and times for Prometheus, in a registry that holds nothing else."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = CONTENT_TYPE_LATEST

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """The metrics of one server."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter("zoo_requests", "Answered requests.", ("route", "status"), registry=self.registry)
        self._seconds = Histogram(
            "zoo_predict_seconds",
            "Latency of requests to /predict with status 200.",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._batches = Histogram("zoo_batch_images", "Images per batch.", buckets=_BATCHES, registry=self.registry)
        self._network = Counter("zoo_network_seconds", "Time the network was busy.", registry=self.registry)
        self._images = Counter("zoo_images", "Answered images.", ("outcome",), registry=self.registry)
        self._queue = Gauge("zoo_queue_images", "Images being decoded, queued or predicted.", registry=self.registry)
        self._under_way = Gauge(
            "zoo_requests_under_way", "Prediction requests being processed.", registry=self.registry
        )
        for outcome in ("predicted", "problem"):
            self._images.labels(outcome)

    def watch(self, *, num_images: Callable[[], float], num_requests: Callable[[], float]) -> None:
        """Let the gauges read these functions whenever metrics are requested."""
        self._queue.set_function(num_images)
        self._under_way.set_function(num_requests)

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Count a request. *route* must be a route of the app, so that clients cannot add label values."""
        self._requests.labels(route, str(status)).inc()
        if route == "/predict" and status == 200:
            self._seconds.observe(seconds)

    def batch(self, num_images: int, seconds: float) -> None:
        """Count a batch and the time it took."""
        self._batches.observe(num_images)
        self._network.inc(seconds)

    def images(self, *, predicted: int, problems: int) -> None:
        """Count images that were predicted, and images with a problem."""
        self._images.labels("predicted").inc(predicted)
        self._images.labels("problem").inc(problems)

    def text(self) -> bytes:
        """Return all metrics in the Prometheus text format."""
        return generate_latest(self.registry)
