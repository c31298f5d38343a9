"""Metrics: requests, latency, batches and images are counted."""

from __future__ import annotations

from typing import Any

from .serving_toys import picture


def test_metrics_count_requests_latency_batches_the_queue_and_images(serve: Any) -> None:
    served = serve()
    served.predict(picture(), picture())
    served.predict(b"text")
    served.ask("GET", "/made/up")
    text = served.ask("GET", "/metrics")
    assert text.headers["content-type"].startswith("text/plain")
    assert served.count("zoo_requests_total", route="/predict", status="200") == 1
    assert served.count("zoo_requests_total", route="/predict", status="415") == 1
    assert served.count("zoo_requests_total", route="other", status="404") == 1
    assert served.count("zoo_predict_seconds_count") == 1
    assert served.count("zoo_batch_images_sum") == 2
    assert served.count("zoo_images_total", outcome="predicted") == 2
    assert served.count("zoo_images_total", outcome="problem") == 1
    for name in ("zoo_queue_images 0.0", "zoo_requests_under_way 0.0", "zoo_network_seconds_total"):
        assert name in text.text
    assert "made" not in text.text
