"""Apps and servers that are stopped when a test is over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from harness.classifiers.trained import TrainedClassifier
from harness.serving.limits import Limits

from .serving_toys import Running, Served, colour_classifier


@pytest.fixture
def classifier() -> TrainedClassifier:
    return colour_classifier()


@pytest.fixture
def serve(classifier: TrainedClassifier) -> Iterator[Callable[..., Served]]:
    made: list[Served] = []

    def make(limits: Limits | None = None, max_batch: int = 8, **options: Any) -> Served:
        made.append(Served(classifier, limits=limits or Limits(), max_batch=max_batch, **options))
        return made[-1]

    yield make
    for each in made:
        each.model.go_on.set()
        each.classifier.close()


@pytest.fixture
def running() -> Iterator[Callable[..., Running]]:
    made: list[Running] = []

    def make(limits: Limits | None = None) -> Running:
        made.append(Running(limits or Limits()))
        return made[-1]

    yield make
    for each in made:
        each.model.go_on.set()
        each.served.close()
        each.listener.close()
