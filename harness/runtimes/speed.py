"""Runtime speed: inference in batches and on single images, by the protocol of :mod:`harness.measuring.timer`.

Shape suffixes: B batch, C channels, H height, W width, N images.
"""

from __future__ import annotations

import time

import torch
from torch import Tensor

from harness.batches.device_images import DeviceImages
from harness.data.images import ImageSet
from harness.faults.out_of_memory import Halving
from harness.measuring.interference import ForeignLoad, gpu_notes
from harness.measuring.reference import BATCH_SIZE, measure_reference, reference_step
from harness.measuring.timer import PROTOCOL, measure_latency, measure_rate, summarize
from harness.records.record import Latency, Rate, SpeedInfo
from harness.runtimes.converting import Converted
from harness.training.evaluation import default_batch_size, eval_mode
from harness.training.precision import computing


def measure_runtime_speed(
    converted: Converted,
    test: ImageSet,
    *,
    test_seconds: float,
    compile_seconds: float | None,
    budget_seconds: float,
) -> SpeedInfo:
    """Measure inference as a trial does: with the same batch sizes, durations and reference network.

    Peak memory is not reported, because converting the network takes memory in the same process.

    Args:
        converted: The network under its runtime.
        test: Images to predict; their labels are not used.
        test_seconds: Time that predicting *test* took, including the data path.
        compile_seconds: Compile time, if the network was compiled.
        budget_seconds: Time for measuring the rate; measuring latency takes half as long.
    """
    began = time.perf_counter()
    foreign = ForeignLoad()
    settings, module = converted.settings, converted.module
    device = settings.device
    reference = reference_step(device)
    before = measure_reference(reference, device, budget_seconds=budget_seconds / 4)
    data = DeviceImages(test, device)
    normalize = settings.normalizer()

    def batch_of(size: int) -> Tensor:
        order_N = torch.arange(size) % len(data)
        ((images_BCHW, _),) = data.batches(order_N, [size])
        return normalize(images_BCHW)

    def measure(size: int) -> tuple[Rate, Latency]:
        images_BCHW, one_1CHW = batch_of(size), batch_of(1)
        with eval_mode(module), torch.inference_mode(), computing(device, settings.precision):
            rate = measure_rate(
                lambda: module(images_BCHW), images_per_step=size, device=device, budget_seconds=budget_seconds
            )
            latency = measure_latency(lambda: module(one_1CHW), device=device, budget_seconds=budget_seconds / 2)
        return rate, latency

    most = min(default_batch_size(data, device), len(data))
    inference, latency = Halving(device, at_most=most).until_it_fits(measure)
    after = measure_reference(reference, device, budget_seconds=budget_seconds / 4)
    return SpeedInfo(
        protocol=PROTOCOL,
        inference=inference,
        inference_end_to_end=summarize([len(data) / test_seconds], batch_size=inference.batch_size),
        latency=latency,
        compile_seconds=compile_seconds,
        reference=summarize([*before, *after], batch_size=BATCH_SIZE),
        foreign_cores=foreign.cores(),
        notes=gpu_notes(device.index or 0) if device.type == "cuda" else (),
        seconds=time.perf_counter() - began,
    )
