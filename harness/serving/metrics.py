"""Metrics: what a server counts and times, for Prometheus. In a registry of its own, so that nothing else is in it."""

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
        self._requests = Counter(
            "zoo_requests", "Requests that were answered.", ("route", "status"), registry=self.registry
        )
        self._seconds = Histogram(
            "zoo_predict_seconds",
            "From a request's head to its answer, of those to /predict with status 200.",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._batches = Histogram("zoo_batch_images", "Images of a batch.", buckets=_BATCHES, registry=self.registry)
        self._network = Counter("zoo_network_seconds", "That the network was busy.", registry=self.registry)
        self._images = Counter("zoo_images", "Images that were answered.", ("outcome",), registry=self.registry)
        self._queue = Gauge("zoo_queue_images", "Images that are decoded, or wait, or run.", registry=self.registry)
        self._under_way = Gauge("zoo_requests_under_way", "Requests for predictions.", registry=self.registry)
        for outcome in ("predicted", "problem"):
            self._images.labels(outcome)

    def watch(self, *, num_images: Callable[[], float], num_requests: Callable[[], float]) -> None:
        """Have the gauges ask these, whenever somebody looks."""
        self._queue.set_function(num_images)
        self._under_way.set_function(num_requests)

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Count a request. *route* is one of the app's, so that no client can make up more of them."""
        self._requests.labels(route, str(status)).inc()
        if route == "/predict" and status == 200:
            self._seconds.observe(seconds)

    def batch(self, num_images: int, seconds: float) -> None:
        """Count a batch."""
        self._batches.observe(num_images)
        self._network.inc(seconds)

    def images(self, *, predicted: int, problems: int) -> None:
        """Count images."""
        self._images.labels("predicted").inc(predicted)
        self._images.labels("problem").inc(problems)

    def text(self) -> bytes:
        """Return all of it as Prometheus reads it."""
        return generate_latest(self.registry)
