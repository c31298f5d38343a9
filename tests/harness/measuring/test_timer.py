"""The timer: held against steps of known length, on a clock that only they move."""

from __future__ import annotations

import types
from collections.abc import Callable

import pytest
import torch

from harness.measuring import timer
from harness.measuring.timer import (
    MIN_LATENCY_RUNS,
    MIN_SLOW_WINDOWS,
    MIN_WINDOWS,
    measure_latency,
    measure_rate,
    summarize,
)
from harness.system import own_time

CPU = torch.device("cpu")
Busy = Callable[[float], None]


@pytest.fixture
def busy(monkeypatch: pytest.MonkeyPatch) -> Busy:
    """Takes so many seconds, as the timer's clock tells."""
    now = [100.0]
    monkeypatch.setattr(timer.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(timer, "has_own_time", lambda device: False)

    def take(seconds: float) -> None:
        now[0] += seconds

    return take


def test_a_step_of_known_length_gives_its_rate(busy: Busy) -> None:
    rate = measure_rate(lambda: busy(0.002), images_per_step=8, device=CPU, budget_seconds=0.2)
    assert rate.median == pytest.approx(8 / 0.002)
    assert (rate.low, rate.high) == (pytest.approx(rate.median), pytest.approx(rate.median))
    assert rate.windows >= MIN_WINDOWS
    assert rate.batch_size == 8


def test_latency_is_of_single_calls(busy: Busy) -> None:
    lengths = iter([0.002, 0.004] * 1000)
    latency = measure_latency(lambda: busy(next(lengths)), device=CPU, budget_seconds=0.3)
    assert latency.p50_ms == pytest.approx(3, abs=1.01)
    assert latency.p95_ms == pytest.approx(4)
    assert latency.runs >= MIN_LATENCY_RUNS


def test_the_first_calls_are_not_counted(busy: Busy) -> None:
    lengths = iter([0.9, 0.4] + [0.001] * 10_000)
    rate = measure_rate(lambda: busy(next(lengths)), images_per_step=1, device=CPU, budget_seconds=0.05)
    assert rate.low == pytest.approx(1000)


@pytest.mark.parametrize("first", [[30.0], [30.0, 4.0], [0.8, 0.3, 0.2]], ids=["compiles", "records", "tries kernels"])
def test_a_first_call_that_compiles_does_not_set_the_length_of_windows(busy: Busy, first: list[float]) -> None:
    """Windows of a single call would wait for the device after each, and lose the overlap of launches."""
    calls = [0]
    lengths = iter([*first, *[0.001] * 100_000])

    def step() -> None:
        calls[0] += 1
        busy(next(lengths))

    rate = measure_rate(step, images_per_step=1, device=CPU, budget_seconds=0.5)
    assert (rate.median, rate.low) == (pytest.approx(1000), pytest.approx(1000))
    assert (calls[0] - len(first)) / rate.windows > 20


def test_calls_that_never_take_equally_long_are_measured_anyway(busy: Busy) -> None:
    for lengths in (iter([2.0, 5.0] * 100), iter([0.001, 0.003] * 10_000)):
        rate = measure_rate(
            lambda lengths=lengths: busy(next(lengths)), images_per_step=1, device=CPU, budget_seconds=0.2
        )
        assert rate.windows >= MIN_SLOW_WINDOWS


@pytest.mark.parametrize("seconds", [0.01, 0.4, 3.0, 60.0])
def test_the_time_spent_is_bounded_by_the_budget_or_a_few_calls(busy: Busy, seconds: float) -> None:
    calls = []

    def step() -> None:
        calls.append(1)
        busy(seconds)

    rate = measure_rate(step, images_per_step=1, device=CPU, budget_seconds=0.5)
    spent = seconds * len(calls)
    assert spent <= max(4 * 0.5, (2 + MIN_SLOW_WINDOWS) * seconds, 8 * min(seconds, 0.4))
    assert rate.median == pytest.approx(1 / seconds)


def test_real_time_is_what_is_measured() -> None:
    rate = measure_rate(lambda: timer.time.sleep(0.005), images_per_step=1, device=CPU, budget_seconds=0.05)
    assert 0 < rate.median <= 200


def test_the_summary_is_the_median_and_the_middle_95_percent() -> None:
    rate = summarize([float(value) for value in range(101)], batch_size=1)
    assert (rate.low, rate.median, rate.high) == (2.5, 50.0, 97.5)


@pytest.mark.parametrize(("is_own", "expected"), [(True, 1000.0), (False, 250.0)])
def test_time_that_others_take_from_the_thread_is_left_out_where_it_is_known(
    monkeypatch: pytest.MonkeyPatch, is_own: bool, expected: float
) -> None:
    now, taken = [100.0], [0.0]
    clock = types.SimpleNamespace(perf_counter=lambda: now[0], thread_time=lambda: now[0] - taken[0])
    monkeypatch.setattr(timer, "time", clock)
    monkeypatch.setattr(own_time, "time", clock)
    monkeypatch.setattr(own_time, "taken_seconds", lambda: taken[0])
    monkeypatch.setattr(timer, "has_own_time", lambda device: is_own)

    def step() -> None:
        now[0], taken[0] = now[0] + 0.004, taken[0] + 0.003

    rate = measure_rate(step, images_per_step=1, device=CPU, budget_seconds=0.5)
    assert rate.median == pytest.approx(expected)
    latency = measure_latency(step, device=CPU, budget_seconds=0.5)
    assert latency.p95_ms == pytest.approx(1000 / expected)


@pytest.mark.parametrize(
    ("device", "threads", "known", "expected"),
    [("cpu", 1, 0.0, True), ("cpu", 2, 0.0, False), ("meta", 1, 0.0, False), ("cpu", 1, None, False)],
)
def test_own_time_is_known_of_one_thread_of_a_cpu(
    monkeypatch: pytest.MonkeyPatch, device: str, threads: int, known: float | None, expected: bool
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    monkeypatch.setattr(timer, "taken_seconds", lambda: known)
    assert timer.has_own_time(torch.device(device)) is expected
