"""Speed: inference, latency and training of a trained network, measured by the protocol of the timer.

Shape suffixes: B batch, C channels, H height, W width, K classes.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from harness.batches.device_images import DeviceImages
from harness.batches.forward_settings import ForwardSettings
from harness.data.images import ImageSet, SelectedImages
from harness.faults.out_of_memory import Halving
from harness.measuring.best_inference import BATCH_SIZES, find_best_inference
from harness.measuring.decoding import measure_decoding
from harness.measuring.inference import measure_inference, timed_batch
from harness.measuring.interference import ForeignLoad, GpuClock, is_quiet_within
from harness.measuring.reference import BATCH_SIZE, measure_reference, reference_step
from harness.measuring.timer import PROTOCOL, has_own_time, measure_rate, summarize, synchronize
from harness.measuring.training_step import training_step
from harness.records.record import LOADED_CORES, Rate, SpeedInfo
from harness.system.own_time import TakenShare
from harness.training.compiling import compiled, forget_compiled
from harness.training.evaluation import eval_mode
from harness.training.loop import TrainingResult
from harness.training.precision import computing, exact_fp32
from harness.training.resolved_recipe import ResolvedRecipe

MAX_REPEATS = 2
"""How often a speed is measured again that was measured beside other load."""

PATIENCE = 3
"""Budgets that are waited for the other load to end; other trials of the bench wait meanwhile."""

STOLEN_CORES = 0.05
"""Cores that other virtual machines of a host may take without a network being taken for slowed down."""

DRIFT = 1.15
"""Ratio by which the reference network's speed may change without a note: more than it varies on an idle machine."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FinishedTraining:
    """The training of the network to measure, which measured its own end-to-end rate."""

    result: TrainingResult
    num_images: int
    """Number of training images."""
    peak_memory_mib: float | None
    num_devices: int = 1
    """How many devices it trained on. With several, only the end-to-end rate of training is known."""
    num_neighbours: int = 0
    """How many other trials could train on the same device meanwhile. With any, the end-to-end rate of training is
    not the network's own."""
    again: Callable[[float], list[float]] | None = None
    """Trains some more for about so many seconds, and returns images per second; None: that cannot be done."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class TimedPrediction:
    """One pass over the test images."""

    images: ImageSet
    """The test images; their labels are not looked at."""
    logits_NK: Tensor
    """What was predicted for them, on the CPU."""
    seconds: float | None
    """How long the pass took, data path included; None: there was none, as the network's features were cached."""


def measure_speed(
    model: nn.Module,
    resolved: ResolvedRecipe,
    settings: ForwardSettings,
    *,
    training: FinishedTraining | None,
    test: TimedPrediction,
    disturbance: str = "",
    budget_seconds: float,
    best_inference: bool = False,
) -> SpeedInfo:
    """Measure a trained network; it is left as it was.

    Beside other load, a network with one thread of a CPU is measured in its own time (see
    :mod:`harness.measuring.timer`). Any other is measured again if that load ends soon, up to :data:`MAX_REPEATS`
    times; the measurement beside the least load counts.

    Args:
        settings: How the network trained and is timed.
        training: None if the network was not trained, as where a head was fitted to features; inference is measured.
        test: Gives the end-to-end rate of inference, and images to time the network with.
        disturbance: How others on the device may have disturbed it, in a sentence; empty if they did not.
        budget_seconds: Time for measuring inference, and again for training. Latency takes half of it, decoding a
            quarter, the reference network a quarter before and after, and the search for the best inference three
            times as long. Very slow networks take longer, since a minimum number of calls is made.
        best_inference: Whether the fastest settings for inference are looked for.
    """
    began = time.perf_counter()

    def measure() -> SpeedInfo:
        return _measure(
            model,
            resolved,
            settings,
            training=training,
            test=test,
            disturbance=disturbance,
            budget_seconds=budget_seconds,
            best_inference=best_inference,
        )

    found = measure()
    for _ in range(MAX_REPEATS):
        if not found.was_slowed or not is_quiet_within(PATIENCE * budget_seconds):
            break
        # What the compiler made is there by now.
        again = measure().model_copy(update={"compile_seconds": found.compile_seconds})
        found = min(found, again, key=lambda each: each.foreign_cores or 0.0)
    return found.model_copy(update={"seconds": time.perf_counter() - began})


def _measure(
    model: nn.Module,
    resolved: ResolvedRecipe,
    settings: ForwardSettings,
    *,
    training: FinishedTraining | None,
    test: TimedPrediction,
    disturbance: str,
    budget_seconds: float,
    best_inference: bool,
) -> SpeedInfo:
    device = settings.device
    is_own = has_own_time(device) and _has_no_helpers(test.images, resolved)
    foreign, taken = ForeignLoad(), TakenShare() if is_own else None
    reference = reference_step(device)
    reference_before = measure_reference(reference, device, budget_seconds=budget_seconds / 4)
    data = DeviceImages(test.images, device)
    forward = compiled(model, graphs=settings.graphs) if settings.compile else model
    train_batch = len(data)
    if training is not None:
        train_batch = min(resolved.hp.batch_size, training.result.micro_batch_size, train_batch)
    compile_seconds = None
    if settings.compile:
        compile_seconds = _first_call_seconds(model, forward, timed_batch(data, settings, train_batch)[0], settings)
    train = None
    with GpuClock(device) as clock:
        inference, latency = measure_inference(model, data, settings, forward=forward, budget_seconds=budget_seconds)
        if training is not None and training.num_devices == 1:
            train = Halving(device, at_most=train_batch).until_it_fits(
                lambda size: _training(model, resolved, settings, timed_batch(data, settings, size), budget_seconds)
            )
    best = None
    if best_inference:
        if settings.compile:
            forget_compiled(device)  # the search brings new shapes, and the compiler gives up after eight
        best = Halving(device, at_most=min(max(BATCH_SIZES), len(data))).until_it_fits(
            lambda size: find_best_inference(
                model,
                timed_batch(data, settings, size)[0],
                test.logits_NK[:size].argmax(dim=1),
                compile=settings.compile,
                budget_seconds=budget_seconds,
            )
        )
    rates, own_rates, num_neighbours = [], [], 0
    if training is not None:
        rates, num_neighbours = list(training.result.images_per_second), training.num_neighbours
        # The first epoch also warms caches and kernels up, so it counts only where there is no other.
        own_rates = rates[1:] or rates
        is_slowed = taken is not None and (foreign.cores() or 0.0) > LOADED_CORES
        if num_neighbours or is_slowed:
            if training.again is not None:
                own_rates = training.again(budget_seconds / 2)
            elif num_neighbours:
                own_rates = []
            else:
                taken = None  # the epochs were not timed in the network's own time
    decode = measure_decoding(test.images, budget_seconds=budget_seconds / 4)
    reference_after = measure_reference(reference, device, budget_seconds=budget_seconds / 4)
    foreign_cores = foreign.cores()
    if foreign.stolen() > STOLEN_CORES:
        taken = None  # the kernel does not count what its host takes
    return SpeedInfo(
        protocol=PROTOCOL,
        train=train,
        train_end_to_end=summarize(own_rates, batch_size=resolved.hp.batch_size) if own_rates else None,
        inference=inference,
        inference_end_to_end=None
        if test.seconds is None
        else summarize([len(data) / test.seconds], batch_size=inference.batch_size),
        decode=decode,
        latency=latency,
        best_inference=best,
        compile_seconds=compile_seconds,
        train_compile_seconds=_extra_of_first_epoch(rates, training.num_images)
        if settings.compile and training is not None and not num_neighbours
        else None,
        peak_memory_mib=None if training is None else training.peak_memory_mib,
        resident_images_mib=None if training is None else training.result.resident_bytes / 2**20 or None,
        reference=summarize([*reference_before, *reference_after], batch_size=BATCH_SIZE),
        foreign_cores=foreign_cores,
        taken_share=None if taken is None else taken.share(),
        notes=(
            *_several_notes(1 if training is None else training.num_devices),
            *_company_notes(0 if own_rates else num_neighbours, disturbance),
            *_own_time_notes(taken is not None, foreign_cores),
            *clock.notes(),
            *_drift_notes(reference_before, reference_after),
        ),
    )


def _has_no_helpers(images: ImageSet, resolved: ResolvedRecipe) -> bool:
    """Return whether images are decoded and whole photographs are not cropped, for which threads help each other."""
    kept = images.images_NHWC
    if isinstance(kept, SelectedImages):
        kept = kept.images
    return isinstance(kept, np.ndarray) and resolved.hp.random_resized_crop == 1


def _extra_of_first_epoch(images_per_second: list[float], num_images: int) -> float | None:
    """Return by how many seconds the first epoch took longer than the median of the others; None without others."""
    if len(images_per_second) < 2:
        return None
    return max(0.0, num_images / images_per_second[0] - num_images / statistics.median(images_per_second[1:]))


def _several_notes(num_devices: int) -> tuple[str, ...]:
    """Tell which numbers are of all devices, and which of one."""
    if num_devices == 1:
        return ()
    return (
        f"trained on {num_devices} devices: the end-to-end training rate covers all of them, inference and latency "
        "are those of one, peak memory is that of the device with the highest, and training without the data path was "
        "not measured",
    )


def _company_notes(num_neighbours: int, disturbance: str) -> tuple[str, ...]:
    """Tell how other trials on the device affected the measurements."""
    notes = []
    if num_neighbours:
        trials = "trial" if num_neighbours == 1 else "trials"
        notes.append(
            f"trained beside up to {num_neighbours} other {trials} on the same device, so the end-to-end training rate "
            "does not describe this trial alone and is left out"
        )
    if disturbance:
        notes.append(disturbance)
    return tuple(notes)


def _own_time_notes(is_own: bool, foreign_cores: float | None) -> tuple[str, ...]:
    """Tell that other load was left out, if there was any."""
    if not is_own or (foreign_cores or 0.0) <= LOADED_CORES:
        return ()
    return (
        f"measured while other processes used more than {LOADED_CORES:g} CPU cores, in the network's own time: time in "
        "which they kept its thread from a core is left out; end-to-end training, where two threads wait for each "
        "other, may still be slower than at rest",
    )


def _drift_notes(before: list[float], after: list[float]) -> tuple[str, ...]:
    """Tell whether the reference network's speed changed during the measurement."""
    ratio = statistics.median(after) / statistics.median(before)
    if max(ratio, 1 / ratio) < DRIFT:
        return ()
    return (
        f"the reference network was {ratio:.2f} times as fast after the measurement as before: the clock rate or the "
        "load of the machine changed",
    )


def _training(
    model: nn.Module,
    resolved: ResolvedRecipe,
    settings: ForwardSettings,
    batch: tuple[Tensor, Tensor],
    budget_seconds: float,
) -> Rate:
    """Time whole training steps on one batch that stays on the device."""
    step = training_step(model, resolved, settings, *batch)
    with exact_fp32(settings.device) if settings.precision == "fp32" else nullcontext():
        return measure_rate(step, images_per_step=len(batch[1]), device=settings.device, budget_seconds=budget_seconds)


def _first_call_seconds(
    model: nn.Module, forward: Callable[[Tensor], Tensor], images_BCHW: Tensor, settings: ForwardSettings
) -> float:
    """Return how long the compiler takes for inference."""
    with eval_mode(model), torch.inference_mode(), computing(settings.device, settings.precision):
        start = time.perf_counter()
        forward(images_BCHW)
        synchronize(settings.device)
        return time.perf_counter() - start
