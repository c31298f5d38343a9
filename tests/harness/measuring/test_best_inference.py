"""Best inference: the fastest setting is found, and the network is left as it was."""

from __future__ import annotations

import time

import pytest
import torch
from torch import Tensor, nn

from harness.measuring.best_inference import find_best_inference


def small_network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())


def test_the_best_inference_is_the_fastest_of_what_was_tried() -> None:
    class SlowInFloat32(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = small_network()

        def forward(self, images_BCHW: Tensor) -> Tensor:
            if images_BCHW.dtype == torch.float32:
                time.sleep(0.01)
            logits_BK: Tensor = self.network(images_BCHW)
            return logits_BK

    model = SlowInFloat32().eval()
    images_NCHW = torch.rand(32, 3, 8, 8)
    with torch.inference_mode():
        classes_N = model(images_NCHW).argmax(dim=1)
    best = find_best_inference(model, images_NCHW, classes_N, compile=False, budget_seconds=0.05)
    assert best is not None
    assert best.precision == "bf16"
    assert best.rate.batch_size in (16, 32)
    assert 0.5 <= best.top1_agreement <= 1
    assert {name.split()[1] for name in best.images_per_second} == {"fp32", "bf16"}
    assert next(model.parameters()).dtype == torch.float32, "the network itself is left as it was"


def test_agreement_is_counted_against_the_recorded_classes() -> None:
    model = small_network().eval()
    images_NCHW = torch.rand(8, 3, 8, 8)
    wrong_N = torch.full((8,), 99)
    best = find_best_inference(model, images_NCHW, wrong_N, compile=False, budget_seconds=0.01)
    assert best is not None
    assert best.top1_agreement == 0


def test_a_network_that_takes_float32_only_is_measured_in_it() -> None:
    class Float32Only(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = small_network()

        def forward(self, images_BCHW: Tensor) -> Tensor:
            if images_BCHW.dtype != torch.float32:
                raise TypeError("float32 only")
            logits_BK: Tensor = self.network(images_BCHW)
            return logits_BK

    images_NCHW = torch.rand(8, 3, 8, 8)
    best = find_best_inference(
        Float32Only().eval(), images_NCHW, torch.zeros(8, dtype=torch.int64), compile=False, budget_seconds=0.01
    )
    assert best is not None
    assert best.precision == "fp32"
    assert best.refused["channels_last bf16"] == "TypeError: float32 only"


def test_a_network_that_fails_in_every_inference_setting_still_gets_a_record() -> None:
    class Broken(nn.Module):
        def forward(self, images_BCHW: Tensor) -> Tensor:
            raise KeyError("broken")

    labels_N = torch.zeros(8, dtype=torch.int64)
    images_NCHW = torch.rand(8, 3, 8, 8)
    assert find_best_inference(Broken(), images_NCHW, labels_N, compile=False, budget_seconds=0.01) is None


def test_memory_that_runs_out_in_the_search_is_not_taken_for_a_setting_that_does_not_work() -> None:
    class Hungry(nn.Module):
        def forward(self, images_BCHW: Tensor) -> Tensor:
            raise torch.OutOfMemoryError("CUDA out of memory")

    labels_N = torch.zeros(8, dtype=torch.int64)
    images_NCHW = torch.rand(8, 3, 8, 8)
    with pytest.raises(torch.OutOfMemoryError):
        find_best_inference(Hungry(), images_NCHW, labels_N, compile=False, budget_seconds=0.01)
