"""Inference: rates of batches and latencies of single images, by a clock that only the network moves."""

from __future__ import annotations

import types

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from harness.batches.device_images import DeviceImages
from harness.batches.forward_settings import ForwardSettings
from harness.batches.normalization import Normalization
from harness.data.images import ImageSet
from harness.measuring import timer
from harness.measuring.inference import measure_inference, timed_batch
from harness.system import own_time

CPU = torch.device("cpu")
SETTINGS = ForwardSettings(device=CPU, normalization=Normalization(mean=(0.5,) * 3, std=(0.25,) * 3))
NUM_IMAGES = 12
SECONDS = 0.01
"""What the network takes for an image."""


class Clocked(nn.Module):
    """Takes a known time for each image; more than *fits* of them do not fit into memory."""

    def __init__(self, fits: int = NUM_IMAGES) -> None:
        super().__init__()
        self.fits, self.now = fits, 100.0

    def forward(self, images_BCHW: Tensor) -> Tensor:
        assert not self.training
        if len(images_BCHW) > self.fits:
            raise torch.OutOfMemoryError("CUDA out of memory")
        self.now += len(images_BCHW) * SECONDS
        return images_BCHW.mean(dim=(2, 3))


@pytest.fixture
def data() -> DeviceImages:
    return DeviceImages(
        ImageSet(
            images_NHWC=np.full((NUM_IMAGES, 8, 8, 3), np.arange(NUM_IMAGES)[:, None, None, None], dtype=np.uint8),
            labels_N=np.arange(NUM_IMAGES),
            samples_N=np.arange(NUM_IMAGES, dtype=np.uint64),
        ),
        CPU,
    )


@pytest.fixture
def net(monkeypatch: pytest.MonkeyPatch) -> Clocked:
    net = Clocked()
    for module in (timer, own_time):
        monkeypatch.setattr(module, "time", types.SimpleNamespace(perf_counter=lambda: net.now))
    monkeypatch.setattr(timer, "has_own_time", lambda device: False)
    return net


def test_batches_hold_all_images_and_latency_is_of_one(net: Clocked, data: DeviceImages) -> None:
    rate, latency = measure_inference(net.train(), data, SETTINGS, budget_seconds=1.0)
    assert (rate.median, rate.batch_size) == (pytest.approx(1 / SECONDS), NUM_IMAGES)
    assert (latency.p50_ms, latency.p95_ms) == pytest.approx((1000 * SECONDS,) * 2)
    assert net.training


def test_a_batch_that_does_not_fit_is_halved(net: Clocked, data: DeviceImages) -> None:
    net.fits = 4
    rate, _ = measure_inference(net, data, SETTINGS, budget_seconds=1.0)
    assert rate.batch_size == 3


def test_a_function_can_replace_the_model(net: Clocked, data: DeviceImages) -> None:
    def twice(images_BCHW: Tensor) -> Tensor:
        net(images_BCHW)
        logits_BK: Tensor = net(images_BCHW)
        return logits_BK

    rate, latency = measure_inference(net, data, SETTINGS, forward=twice, budget_seconds=1.0)
    assert rate.median == pytest.approx(0.5 / SECONDS)
    assert latency.p50_ms == pytest.approx(2000 * SECONDS)


def test_a_batch_repeats_images_where_there_are_too_few(data: DeviceImages) -> None:
    images_BCHW, labels_B = timed_batch(data, SETTINGS, NUM_IMAGES + 2)
    assert labels_B.tolist() == [*range(NUM_IMAGES), 0, 1]
    assert images_BCHW.shape == (NUM_IMAGES + 2, 3, 8, 8)
    assert images_BCHW[:, 0, 0, 0].tolist() == pytest.approx(
        [(label / 255 - 0.5) / 0.25 for label in labels_B.tolist()]
    )
