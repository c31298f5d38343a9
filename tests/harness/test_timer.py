"""The timer: held against steps of known length."""

from __future__ import annotations

import time

import pytest
import torch

from harness.timer import MIN_LATENCY_RUNS, MIN_WINDOWS, measure_latency, measure_rate, summarize

CPU = torch.device("cpu")


def busy(seconds: float) -> None:
    """Take at least *seconds*; a sleep alone may be cut short or prolonged."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


def test_a_step_of_known_length_gives_its_rate() -> None:
    rate = measure_rate(lambda: busy(0.002), images_per_step=8, device=CPU, budget_seconds=0.2)
    # Never faster than it can be; slower only where the machine took time for something else.
    assert rate.high <= 8 / 0.002
    assert rate.median == pytest.approx(8 / 0.002, rel=0.3)
    assert rate.low <= rate.median <= rate.high
    assert rate.windows >= MIN_WINDOWS
    assert rate.batch_size == 8


def test_latency_is_of_single_calls() -> None:
    latency = measure_latency(lambda: busy(0.002), device=CPU, budget_seconds=0.05)
    assert latency.p50_ms >= 2
    assert latency.p95_ms >= latency.p50_ms
    assert latency.runs >= MIN_LATENCY_RUNS


def test_the_first_calls_are_not_counted() -> None:
    calls = []

    def slow_at_first() -> None:
        calls.append(1)
        busy(0.1 if len(calls) <= 2 else 0.001)

    rate = measure_rate(slow_at_first, images_per_step=1, device=CPU, budget_seconds=0.05)
    assert rate.low > 100


def test_the_summary_is_the_median_and_the_middle_95_percent() -> None:
    rate = summarize([float(value) for value in range(101)], batch_size=1)
    assert (rate.low, rate.median, rate.high) == (2.5, 50.0, 97.5)
