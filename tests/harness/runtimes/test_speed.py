"""Runtime speed: rates and latencies of a converted network, with the rate over the whole data path."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from harness.classifiers.quantizing import Calibration
from harness.classifiers.trained import TrainedClassifier, load_trained
from harness.data.images import ImageSet
from harness.runtimes.converting import convert
from harness.runtimes.speed import measure_runtime_speed
from zoo import Catalog


@pytest.fixture(scope="module")
def trial(train_trial: Callable[..., Path], catalog: Catalog) -> Path:
    return train_trial(catalog)


@pytest.fixture
def classifier(trial: Path, catalog: Catalog) -> TrainedClassifier:
    return load_trained(trial, catalog)


def test_speed_covers_batches_single_images_and_the_data_path(classifier: TrainedClassifier, catalog: Catalog) -> None:
    def never() -> Calibration:
        pytest.fail("no calibration is needed")

    converted = convert(
        classifier, catalog.runtimes.get("eager"), device=torch.device("cpu"), threads=1, calibration=never
    )
    test = ImageSet(
        images_NHWC=np.zeros((12, 16, 16, 3), dtype=np.uint8),
        labels_N=np.zeros(12, dtype=np.int64),
        samples_N=np.arange(12, dtype=np.uint64),
    )
    speed = measure_runtime_speed(converted, test, test_seconds=2.0, compile_seconds=None, budget_seconds=0.05)
    assert speed.inference is not None
    assert speed.inference_end_to_end is not None
    assert speed.latency is not None
    assert speed.inference.median > 0
    assert speed.inference.batch_size <= 12
    assert speed.inference_end_to_end.median == pytest.approx(6)
    assert speed.compile_seconds is None
