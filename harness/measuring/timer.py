"""The timer: one throughput protocol for training and inference, CPU and GPU. Version 1.

1. Warm-up: calls of the step until a tenth of the budget has passed, three at least, one if that took more than a
   second. Not counted.
2. Calibration: a window is as many calls as take a twentieth of the budget, one at least.
3. Windows: the device is synchronised, the clock read, the window's calls made, the device synchronised, the clock
   read. This is repeated until the budget is spent, five times at least, three if five would take thrice the budget.
4. Result: images per second of the median window, and the middle 95 % of the windows.

"Compute only" means that the same batch, already on the device, is used for each call: no data path. "End to end"
means that images come the way a user's do. The clock is monotonic. Garbage collection stays on, as it does for users.
On a CPU, memory that is freed stays with the process (``harness.system.malloc``).
Latency is the same with batches of one, timed call by call.
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
    """Wait until *device* has done all that it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def measure_rate(
    step: Callable[[], object], *, images_per_step: int, device: torch.device, budget_seconds: float
) -> Rate:
    """Measure how many images per second *step* handles; arguments as for :func:`measure_windows`."""
    rates = measure_windows(step, images_per_step=images_per_step, device=device, budget_seconds=budget_seconds)
    return summarize(rates, batch_size=images_per_step)


def measure_windows(
    step: Callable[[], object], *, images_per_step: int, device: torch.device, budget_seconds: float
) -> list[float]:
    """Return how many images per second *step* handles, for each window of the protocol above.

    Args:
        step: Handles ``images_per_step`` images.
        budget_seconds: About how long this may take; a slow step takes longer, for four calls at least are made.
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
    """Measure how long single calls of *step* take, which handles a batch of one."""
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
    """Return median and middle 95 % of *rates*, in images per second."""
    low, median, high = np.percentile(rates, [2.5, 50, 97.5])
    return Rate(median=float(median), low=float(low), high=float(high), windows=len(rates), batch_size=batch_size)


def _warm_up(step: Callable[[], object], device: torch.device, budget_seconds: float) -> float:
    """Call *step* as the protocol says; return the seconds of the last call."""
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
