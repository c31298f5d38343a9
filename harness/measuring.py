"""Measuring: the speed of a trained network, by the protocol of :mod:`harness.timer`, in a bounded time.

Shape suffixes: B batch, C channels, H height, W width, K classes.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from harness.batches import DeviceImages
from harness.evaluation import default_batch_size, eval_mode
from harness.images import ImageSet
from harness.losses import make_loss
from harness.normalization import ChannelStatistics, Normalizer
from harness.optimizers import make_optimizer
from harness.out_of_memory import Halving
from harness.precision import Precision, computing, exact_fp32
from harness.record import Latency, Rate, SpeedInfo
from harness.timer import PROTOCOL, measure_latency, measure_rate, summarize, synchronize
from harness.training import TrainingResult
from zoo.hyperparameters import Hyperparameters
from zoo.recipe import Recipe


def measure_speed(
    model: nn.Module,
    recipe: Recipe,
    hp: Hyperparameters,
    *,
    test: ImageSet,
    test_seconds: float,
    trained: TrainingResult,
    device: torch.device,
    precision: Precision,
    compile: bool,
    normalization: ChannelStatistics,
    peak_memory_mib: float | None,
    budget_seconds: float,
) -> SpeedInfo:
    """Measure a trained network; it is left as it was.

    Args:
        test: Images to predict, for their size and number; their labels are not looked at.
        test_seconds: How long it took to predict *test*, the data path included; gives the rate end to end.
        trained: Gives the rate of training end to end, which the training itself measured, and how many images fit
            into memory at a time.
        budget_seconds: Time for each of the measurements of inference and of training; latency takes half of it.
            Very slow networks take longer, since a few calls are always made.
    """
    data = DeviceImages(test, device)
    normalize = Normalizer(normalization, device, channels_last=True)

    def batch_of(size: int) -> tuple[Tensor, Tensor]:
        order_N = torch.arange(size) % len(data)
        ((images_BCHW, labels_B),) = data.batches(order_N, [size])
        return normalize(images_BCHW), labels_B

    forward = torch.compile(model) if compile else model
    train_batch = min(hp.batch_size, trained.micro_batch_size, len(data))
    compile_seconds = _first_call_seconds(model, forward, batch_of, train_batch, device, precision) if compile else None
    inference, latency = Halving(device, at_most=min(default_batch_size(data, device), len(data))).until_it_fits(
        lambda size: _inference(model, forward, batch_of, size, device, precision, budget_seconds)
    )
    rates = list(trained.images_per_second)
    return SpeedInfo(
        protocol=PROTOCOL,
        train=Halving(device, at_most=train_batch).until_it_fits(
            lambda size: _training(model, recipe, hp, batch_of(size), device, precision, budget_seconds)
        ),
        # The first epoch also warms caches and kernels up, so it counts only where there is no other.
        train_end_to_end=summarize(rates[1:] or rates, batch_size=hp.batch_size),
        inference=inference,
        inference_end_to_end=summarize([len(data) / test_seconds], batch_size=inference.batch_size),
        latency=latency,
        compile_seconds=compile_seconds,
        peak_memory_mib=peak_memory_mib,
    )


def _inference(
    model: nn.Module,
    forward: Callable[[Tensor], Tensor],
    batch_of: Callable[[int], tuple[Tensor, Tensor]],
    batch_size: int,
    device: torch.device,
    precision: Precision,
    budget_seconds: float,
) -> tuple[Rate, Latency]:
    images_BCHW, _ = batch_of(batch_size)
    one_1CHW, _ = batch_of(1)
    with eval_mode(model), torch.inference_mode(), computing(device, precision):
        rate = measure_rate(
            lambda: forward(images_BCHW), images_per_step=batch_size, device=device, budget_seconds=budget_seconds
        )
        latency = measure_latency(lambda: forward(one_1CHW), device=device, budget_seconds=budget_seconds / 2)
    return rate, latency


def _training(
    model: nn.Module,
    recipe: Recipe,
    hp: Hyperparameters,
    batch: tuple[Tensor, Tensor],
    device: torch.device,
    precision: Precision,
    budget_seconds: float,
) -> Rate:
    """Time whole training steps (forward, backward, update) on one batch that stays on the device."""
    model = copy.deepcopy(model).train()
    optimizer = make_optimizer(model, hp) if recipe.make_optimizer is None else recipe.make_optimizer(model, hp)
    loss_of = make_loss(hp) if recipe.loss is None else lambda logits, targets: recipe.loss(logits, targets, hp)
    scaler = torch.amp.GradScaler(device.type, enabled=precision == "fp16")
    images_BCHW, labels_B = batch

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        with computing(device, precision):
            logits_BK = model(images_BCHW)
        scaler.scale(loss_of(logits_BK.float(), labels_B)).backward()
        scaler.step(optimizer)
        scaler.update()

    # The labels of real images keep the loss finite for as long as this takes; the copy is thrown away.
    with exact_fp32(device):
        return measure_rate(step, images_per_step=len(labels_B), device=device, budget_seconds=budget_seconds)


def _first_call_seconds(
    model: nn.Module,
    forward: Callable[[Tensor], Tensor],
    batch_of: Callable[[int], tuple[Tensor, Tensor]],
    batch_size: int,
    device: torch.device,
    precision: Precision,
) -> float:
    """Return how long the compiler takes for inference."""
    images_BCHW, _ = batch_of(batch_size)
    with eval_mode(model), torch.inference_mode(), computing(device, precision):
        start = time.perf_counter()
        forward(images_BCHW)
        synchronize(device)
        return time.perf_counter() - start
