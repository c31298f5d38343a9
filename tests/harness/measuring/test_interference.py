"""Interference: other processes and throttled clocks are noticed."""

from __future__ import annotations

import sys
import time
import types
from typing import Any

import pytest

from harness.measuring import interference
from harness.measuring.interference import ForeignLoad, gpu_notes, is_quiet_within


def test_only_other_processes_count_as_foreign_load(monkeypatch: pytest.MonkeyPatch) -> None:
    busy, own, now = [100.0], [10.0], [0.0]
    monkeypatch.setattr(interference, "_busy_seconds", lambda: busy[0])
    monkeypatch.setattr(interference, "_own_seconds", lambda: own[0])
    monkeypatch.setattr(interference.time, "monotonic", lambda: now[0])
    load = ForeignLoad()
    busy[0], own[0], now[0] = 107.0, 14.0, 2.0
    assert load.cores() == pytest.approx(1.5)
    busy[0] = 102.0
    assert load.cores() == 0.0


def test_without_information_from_the_system_the_load_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interference, "_busy_seconds", lambda: None)
    assert ForeignLoad().cores() is None


@pytest.mark.parametrize(
    ("loads", "seconds", "expected", "looks"),
    [
        ([0.0], 1.0, True, 1),
        ([1.0, 0.5, 0.1], 1.0, True, 3),
        ([1.0] * 9, 0.5, False, 3),
        ([None], 1.0, True, 1),
        ([1.0], 0.0, False, 1),
    ],
)
def test_a_quiet_moment_is_waited_for_as_long_as_told(
    monkeypatch: pytest.MonkeyPatch, loads: list[float | None], seconds: float, expected: bool, looks: int
) -> None:
    now, left = [0.0], list(loads)
    clock = types.SimpleNamespace(monotonic=lambda: now[0], sleep=lambda each: now.__setitem__(0, now[0] + each))
    monkeypatch.setattr(interference, "time", clock)
    monkeypatch.setattr(interference, "ForeignLoad", lambda: types.SimpleNamespace(cores=lambda: left.pop(0)))
    assert is_quiet_within(seconds) is expected
    assert len(loads) - len(left) == looks


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/stat")
def test_the_kernel_counts_this_process_too() -> None:
    before = interference._busy_seconds()
    stop = time.process_time() + 0.2
    while time.process_time() < stop:
        pass
    after = interference._busy_seconds()
    assert before is not None
    assert after is not None
    assert after - before >= 0.15


def test_a_throttled_gpu_is_reported_with_its_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = _fake_nvml(reasons=4 | 1)
    monkeypatch.setitem(sys.modules, "pynvml", fake)
    assert gpu_notes(0) == ("the GPU ran at 900 of 1980 MHz because of its power limit",)
    monkeypatch.setitem(sys.modules, "pynvml", _fake_nvml(reasons=1))
    assert gpu_notes(0) == (), "an idle GPU's low clock is nobody's concern"


def test_without_the_library_a_gpu_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert gpu_notes(0) == ()


def _fake_nvml(*, reasons: int) -> Any:
    fake: Any = types.ModuleType("pynvml")
    fake.NVMLError = RuntimeError
    fake.nvmlInit = fake.nvmlShutdown = lambda: None
    fake.nvmlDeviceGetHandleByIndex = lambda index: index
    fake.nvmlClocksThrottleReasonSwPowerCap = 4
    fake.nvmlDeviceGetCurrentClocksThrottleReasons = lambda handle: reasons
    fake.NVML_CLOCK_SM = 1
    fake.nvmlDeviceGetClockInfo = lambda handle, clock: 900
    fake.nvmlDeviceGetMaxClockInfo = lambda handle, clock: 1980
    return fake
