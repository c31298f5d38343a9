from __future__ import annotations

from collections.abc import Callable

import pytest

from plugins.metrics.classification import zoo_metrics
from zoo import Predictions


@pytest.fixture(scope="session")
def compute() -> Callable[[str, Predictions], object]:
    """``compute(name, predictions)``: the value of a built-in metric."""
    metrics = {metric.name: metric for metric in zoo_metrics()}
    return lambda name, predictions: metrics[name].compute(predictions)
