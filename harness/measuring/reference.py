"""The reference network: a small fixed CNN that every trial measures beside its own network.

Its speed shows how fast the machine was at the time. The ratio of a network's speed to it compares across machines
far better than images per second, and a change of its speed during a measurement reveals a throttled clock or other
load. Shape suffixes: B batch, C channels, H height, W width.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from harness.measuring.timer import measure_windows, synchronize
from harness.training.evaluation import eval_mode
from harness.training.precision import exact_fp32

BATCH_SIZE = 64
SIDE = 32
WIDTHS = (16, 32, 64)


def reference_step(device: torch.device) -> Callable[[], None]:
    """Return a function that predicts a fixed batch of 64 images of 32×32 pixels in float32, channels last.

    The network: three times a 3×3 convolution (16, 32, 64 channels), batch normalisation, ReLU and 2×2 max-pooling;
    then a linear layer. 2.8 M multiply-accumulates an image. Never changed: relative speeds would not compare.
    """
    generator = torch.Generator().manual_seed(0)
    layers: list[nn.Module] = []
    channels = 3
    # The global generator is left as it is, and weights depend on no torch version's defaults. Building on the meta
    # device (skip_init) would import torch's reference operations, for half a second in each trial.
    with torch.random.fork_rng(devices=[]):
        for width in WIDTHS:
            convolution = nn.Conv2d(channels, width, 3, padding=1)
            _fill(convolution, generator, fan_in=9 * channels)
            layers += [convolution, nn.BatchNorm2d(width), nn.ReLU(inplace=True), nn.MaxPool2d(2)]
            channels = width
        head = nn.Linear(channels * (SIDE // 8) ** 2, 10)
    _fill(head, generator, fan_in=head.in_features)
    model = nn.Sequential(*layers, nn.Flatten(), head).to(device).to(memory_format=torch.channels_last)
    images_BCHW = torch.rand(BATCH_SIZE, 3, SIDE, SIDE, generator=generator).to(
        device, memory_format=torch.channels_last
    )

    def step() -> None:
        with eval_mode(model), torch.inference_mode(), exact_fp32(device):
            model(images_BCHW)

    return step


def measure_reference(step: Callable[[], None], device: torch.device, *, budget_seconds: float) -> list[float]:
    """Return images per second of the reference network, window by window."""
    synchronize(device)
    return measure_windows(step, images_per_step=BATCH_SIZE, device=device, budget_seconds=budget_seconds)


def _fill(layer: nn.Module, generator: torch.Generator, *, fan_in: int) -> None:
    with torch.no_grad():
        for parameter in layer.parameters():
            values: Tensor = torch.randn(parameter.shape, generator=generator) * fan_in**-0.5
            parameter.copy_(values)
