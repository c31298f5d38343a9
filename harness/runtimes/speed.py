"""Runtime speed: inference in batches and on single images, by the protocol of :mod:`harness.measuring.timer`."""

from __future__ import annotations

import time

from harness.batches.device_images import DeviceImages
from harness.data.images import ImageSet
from harness.measuring.inference import measure_inference
from harness.measuring.interference import ForeignLoad, GpuClock
from harness.measuring.reference import BATCH_SIZE, measure_reference, reference_step
from harness.measuring.timer import PROTOCOL, summarize
from harness.records.record import SpeedInfo
from harness.runtimes.converting import Converted


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
    settings = converted.settings
    device = settings.device
    reference = reference_step(device)
    before = measure_reference(reference, device, budget_seconds=budget_seconds / 4)
    data = DeviceImages(test, device)
    with GpuClock(device) as clock:
        inference, latency = measure_inference(converted.module, data, settings, budget_seconds=budget_seconds)
    after = measure_reference(reference, device, budget_seconds=budget_seconds / 4)
    return SpeedInfo(
        protocol=PROTOCOL,
        inference=inference,
        inference_end_to_end=summarize([len(data) / test_seconds], batch_size=inference.batch_size),
        latency=latency,
        compile_seconds=compile_seconds,
        reference=summarize([*before, *after], batch_size=BATCH_SIZE),
        foreign_cores=foreign.cores(),
        notes=clock.notes(),
        seconds=time.perf_counter() - began,
    )
