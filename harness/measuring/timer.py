"""The timer: one throughput protocol for training and inference, on CPU and GPU. Version 1.

1. Warm-up: the step is called until a tenth of the budget has passed, at least three times, or once if that call took
   more than a second. These calls do not count.
2. Calibration: a window has as many calls as fit into a twentieth of the budget, at least one.
3. Windows: synchronise the device, read the clock, make the window's calls, synchronise the device, read the clock.
   Repeat until the budget is spent, at least five times, or three times if five would take three times the budget.
4. Result: images per second of the median window, and the middle 95 % of the windows.

"Compute only" means that every call uses the same batch, already on the device, so there is no data path. "End to end"
means that images take the same path as in real use. The clock is monotonic. Garbage collection stays on, as in real
use. On a CPU, freed memory stays with the process (``harness.system.malloc``).
Latency follows the same protocol with batches of one image, timed call by call.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch

from harness.records.record import Latency, Rate

PROTOCOL = 1
MIN_WARMUP_CALLS = 3
SLOW_CALL_SECONDS = 1.0
MIN_WINDOWS = 5
MIN_SLOW_WINDOWS = 3
MIN_LATENCY_RUNS = 20


def synchronize(device: torch.device) -> None:
    """Wait until *device* has finished its queued work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


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
        budget_seconds: Approximate duration; a slow step takes longer because it is called at least four times.
    """
    call_seconds = _warm_up(step, device, budget_seconds)
    calls = max(1, int(budget_seconds / 20 / max(call_seconds, 1e-9)))
    is_slow = MIN_WINDOWS * call_seconds > 3 * budget_seconds
    min_windows = MIN_SLOW_WINDOWS if is_slow else MIN_WINDOWS
    rates: list[float] = []
    spent = 0.0
    while len(rates) < min_windows or spent < budget_seconds:
        start = time.perf_counter()
        for _ in range(calls):
            step()
        synchronize(device)
        seconds = time.perf_counter() - start
        spent += seconds
        rates.append(calls * images_per_step / seconds)
    return rates


def measure_latency(step: Callable[[], object], *, device: torch.device, budget_seconds: float) -> Latency:
    """Measure how long single calls of *step* take; *step* processes a batch of one image."""
    _warm_up(step, device, budget_seconds)
    milliseconds: list[float] = []
    spent = 0.0
    while len(milliseconds) < MIN_LATENCY_RUNS or spent < budget_seconds:
        start = time.perf_counter()
        step()
        synchronize(device)
        seconds = time.perf_counter() - start
        spent += seconds
        milliseconds.append(1000 * seconds)
    p50, p95 = np.percentile(milliseconds, [50, 95])
    return Latency(p50_ms=float(p50), p95_ms=float(p95), runs=len(milliseconds))


def summarize(rates: list[float], *, batch_size: int) -> Rate:
    """Return the median and the middle 95 % of *rates*, in images per second."""
    low, median, high = np.percentile(rates, [2.5, 50, 97.5])
    return Rate(median=float(median), low=float(low), high=float(high), windows=len(rates), batch_size=batch_size)


def _warm_up(step: Callable[[], object], device: torch.device, budget_seconds: float) -> float:
    """Warm up as described in the protocol, and return the duration of the last call in seconds."""
    start = time.perf_counter()
    calls = 0
    seconds = 0.0
    while (
        calls < MIN_WARMUP_CALLS and seconds < SLOW_CALL_SECONDS
    ) or time.perf_counter() - start < budget_seconds / 10:
        call_start = time.perf_counter()
        step()
        synchronize(device)
        seconds = time.perf_counter() - call_start
        calls += 1
    return seconds
