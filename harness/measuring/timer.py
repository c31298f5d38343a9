"""The timer: one throughput protocol for training and inference, on CPU and GPU. Version 3.

1. Warm-up: the step is called until a tenth of the budget has passed, at least three times, and until two calls in a
   row take about as long; calls of more than a second are repeated for the latter only. The first calls may compile,
   record graphs and try kernels. None of these calls count.
2. Calibration: a window has as many calls as fit into a twentieth of the budget, at least one. The shorter of the last
   two calls says how many. Version 1 went by a first call that compiled, which made windows of a single call.
3. Windows: synchronise the device, read the clock, make the window's calls, synchronise the device, read the clock.
   Repeat until the budget is spent, at least five times, or three times if five would take three times the budget.
4. Result: images per second of the median window, and the middle 95 % of the windows.

"Compute only" means that every call uses the same batch, already on the device, so there is no data path. "End to end"
means that images take the same path as in real use. The clock is monotonic. Garbage collection stays on, as in real
use. On a CPU, freed memory stays with the process (``harness.system.malloc``).
Where a network computes with one thread of a CPU, seconds are its own: time in which it was ready to compute while
other processes had the cores is left out (``harness.system.own_time``; Linux only). At rest there is none.
Latency follows the same protocol with batches of one image, timed call by call.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch

from harness.records.record import Latency, Rate
from harness.system.own_time import Stopwatch, taken_seconds

PROTOCOL = 3
MIN_WARMUP_CALLS = 3
MAX_UNLIKE_CALLS = 8
"""Warm-up calls that may differ: a step whose calls never take equally long is measured anyway."""
SLOW_CALL_SECONDS = 1.0
AGREEMENT = 1.25
"""Ratio within which two calls take about as long."""
MIN_WINDOWS = 5
MIN_SLOW_WINDOWS = 3
MIN_LATENCY_RUNS = 20


def synchronize(device: torch.device) -> None:
    """Wait until *device* has finished its queued work."""
    if device.type != "cpu":
        torch.accelerator.synchronize(device)


def stopwatch(device: torch.device) -> Stopwatch:
    """Return a watch for work on *device*, which leaves out what others take from it where that is known."""
    return Stopwatch(in_own_time=has_own_time(device))


def has_own_time(device: torch.device) -> bool:
    """Return whether it is known what others take from work on *device*: one thread does all of it."""
    return device.type == "cpu" and torch.get_num_threads() == 1 and taken_seconds() is not None


def measure_rate(
    step: Callable[[], object], *, images_per_step: int, device: torch.device, budget_seconds: float
) -> Rate:
    """Measure how many images per second *step* processes; see :func:`measure_windows` for the arguments."""
    rates = measure_windows(step, images_per_step=images_per_step, device=device, budget_seconds=budget_seconds)
    return summarize(rates, batch_size=images_per_step)


def measure_windows(
    step: Callable[[], object], *, images_per_step: int, device: torch.device, budget_seconds: float
) -> list[float]:
    """Return how many images per second *step* processes, for each window of the protocol above.

    Args:
        step: Processes ``images_per_step`` images.
        budget_seconds: Approximate duration; a slow step takes longer because it is called at least five times.
    """
    call_seconds = _warm_up(step, device, budget_seconds)
    calls = max(1, int(budget_seconds / 20 / max(call_seconds, 1e-9)))
    is_slow = MIN_WINDOWS * call_seconds > 3 * budget_seconds
    min_windows = MIN_SLOW_WINDOWS if is_slow else MIN_WINDOWS
    rates: list[float] = []
    began, watch = time.perf_counter(), stopwatch(device)
    while len(rates) < min_windows or time.perf_counter() - began < budget_seconds:
        watch.start()
        for _ in range(calls):
            step()
        synchronize(device)
        rates.append(calls * images_per_step / watch.seconds())
    return rates


def measure_latency(step: Callable[[], object], *, device: torch.device, budget_seconds: float) -> Latency:
    """Measure how long single calls of *step* take; *step* processes a batch of one image."""
    _warm_up(step, device, budget_seconds)
    milliseconds: list[float] = []
    began, watch = time.perf_counter(), stopwatch(device)
    while len(milliseconds) < MIN_LATENCY_RUNS or time.perf_counter() - began < budget_seconds:
        watch.start()
        step()
        synchronize(device)
        milliseconds.append(1000 * watch.seconds())
    p50, p95 = np.percentile(milliseconds, [50, 95])
    return Latency(p50_ms=float(p50), p95_ms=float(p95), runs=len(milliseconds))


def summarize(rates: list[float], *, batch_size: int) -> Rate:
    """Return the median and the middle 95 % of *rates*, in images per second."""
    low, median, high = np.percentile(rates, [2.5, 50, 97.5])
    return Rate(median=float(median), low=float(low), high=float(high), windows=len(rates), batch_size=batch_size)


def _warm_up(step: Callable[[], object], device: torch.device, budget_seconds: float) -> float:
    """Warm up as described in the protocol, and return the duration of the shorter of the last two calls in seconds."""
    start, watch = time.perf_counter(), stopwatch(device)
    lengths: list[float] = []
    while True:
        watch.start()
        step()
        synchronize(device)
        lengths.append(watch.seconds())
        last = lengths[-2:]
        agree = len(last) == 2 and max(last) <= AGREEMENT * min(last)
        is_slow = lengths[-1] > SLOW_CALL_SECONDS
        is_enough = is_slow or (len(lengths) >= MIN_WARMUP_CALLS and time.perf_counter() - start >= budget_seconds / 10)
        if is_enough and (agree or len(lengths) >= MAX_UNLIKE_CALLS):
            return min(last)
