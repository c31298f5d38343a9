"""Inference: throughput and latency of a network on images that are on its device already.

Shape suffixes: B batch, C channels, H height, W width.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from harness.batches.device_images import DeviceImages
from harness.batches.forward_settings import ForwardSettings
from harness.faults.out_of_memory import Halving
from harness.measuring.timer import measure_latency, measure_rate
from harness.records.record import Latency, Rate
from harness.training.evaluation import default_batch_size, eval_mode
from harness.training.precision import computing


def measure_inference(
    model: nn.Module,
    data: DeviceImages,
    settings: ForwardSettings,
    *,
    forward: Callable[[Tensor], Tensor] | None = None,
    budget_seconds: float,
) -> tuple[Rate, Latency]:
    """Measure batches as large as evaluation takes, and single images.

    Args:
        data: Images to predict, on the device of *settings*. Where memory runs out, the batch is halved.
        forward: What to call in place of the model, such as its compiled form.
        budget_seconds: Time for measuring the rate; measuring latency takes half as long.
    """
    device, call = settings.device, forward or model

    def measure(size: int) -> tuple[Rate, Latency]:
        images_BCHW, _ = timed_batch(data, settings, size)
        one_1CHW = images_BCHW[:1].clone(memory_format=settings.memory_format)
        with eval_mode(model), torch.inference_mode(), computing(device, settings.precision):
            rate = measure_rate(
                lambda: call(images_BCHW), images_per_step=size, device=device, budget_seconds=budget_seconds
            )
            latency = measure_latency(lambda: call(one_1CHW), device=device, budget_seconds=budget_seconds / 2)
        return rate, latency

    return Halving(device, at_most=min(default_batch_size(data, device), len(data))).until_it_fits(measure)


def timed_batch(data: DeviceImages, settings: ForwardSettings, size: int) -> tuple[Tensor, Tensor]:
    """Return *size* normalised images ``[B, C, H, W]`` and their labels ``[B]``; with fewer images, they repeat."""
    order_N = torch.arange(size) % len(data)
    ((images_BCHW, labels_B),) = data.batches(order_N, [size])
    return settings.normalizer()(images_BCHW), labels_B
