"""What the tests of metrics share: computing by name, predictions from lists, and awkward cases."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from plugins.metrics.classification import zoo_metrics
from zoo import Predictions


@pytest.fixture(scope="session")
def compute() -> Callable[[str, Predictions], Any]:
    """``compute(name, predictions)``: the value of a built-in metric."""
    metrics = {metric.name: metric for metric in zoo_metrics()}
    return lambda name, predictions: metrics[name].compute(predictions)


@pytest.fixture(scope="session")
def predictions_of() -> Callable[[Any, Any], Predictions]:
    """``predictions_of(logits, labels)``: predictions with made-up class names."""
    return _predictions_of


@pytest.fixture(scope="session")
def case() -> Callable[[str], Predictions]:
    """``case(name)``: predictions without ties among the highest logits, which scikit-learn breaks by order."""
    return _case


def _predictions_of(logits: Any, labels: Any) -> Predictions:
    logits = np.asarray(logits, dtype=np.float32)
    return Predictions(
        logits=logits,
        labels=np.asarray(labels, dtype=np.int64),
        classes=tuple(f"class{k}" for k in range(logits.shape[1])),
    )


def _case(name: str) -> Predictions:
    rng = np.random.default_rng(7)
    labels = rng.integers(0, 7, size=400)
    random = rng.normal(size=(400, 7)) + 1.5 * np.eye(7)[labels]
    match name:
        case "random":
            return _predictions_of(random, labels)
        case "skewed":
            skewed = rng.choice(7, p=[0.6, 0.2, 0.1, 0.04, 0.03, 0.02, 0.01], size=400)
            return _predictions_of(rng.normal(size=(400, 7)) + np.eye(7)[skewed], skewed)
        case "perfect":
            return _predictions_of(20 * np.eye(7)[labels] + rng.normal(size=(400, 7)), labels)
        case "one class predicted":
            return _predictions_of(random + 15 * np.eye(7)[3], labels)
        case "class never predicted":
            return _predictions_of(random - 15 * np.eye(7)[3], labels)
        case "absent class":
            return _predictions_of(random, np.where(labels == 2, 0, labels))
        case "absent and never predicted class":
            return _predictions_of(random - 15 * np.eye(7)[2], np.where(labels == 2, 0, labels))
        case "huge logits":
            return _predictions_of(random * 1e6, labels)
        case "one label":
            return _predictions_of(random, np.full(400, 4))
        case "two classes":
            two = rng.choice(2, p=[0.8, 0.2], size=300)
            return _predictions_of(rng.normal(size=(300, 2)) + np.eye(2)[two], two)
        case "two classes, huge logits":
            two = rng.integers(0, 2, size=300)
            return _predictions_of((rng.normal(size=(300, 2)) + np.eye(2)[two]) * 1e5, two)
        case "two classes, coarse scores":
            two = rng.integers(0, 2, size=300)
            scores = np.round(rng.normal(size=300) + two) + 0.25
            return _predictions_of(np.stack([np.zeros(300), scores], axis=1), two)
    raise AssertionError(name)
