"""Interference: other processes and throttled clocks are noticed."""

from __future__ import annotations

import sys
import time
import types
from pathlib import Path

import pytest
import torch

from harness.measuring import interference
from harness.measuring.interference import ForeignLoad, GpuClock, is_quiet_within


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


def test_what_the_host_takes_is_a_part_of_the_foreign_load(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stat, now = tmp_path / "stat", [0.0]
    monkeypatch.setattr(interference, "_STAT", stat)
    monkeypatch.setattr(interference, "_own_seconds", lambda: 0.0)
    monkeypatch.setattr(interference.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(interference.os, "sysconf", lambda name: 100)
    stat.write_text("cpu  100 0 0 900 0 0 0 50 0 0\n")
    load = ForeignLoad()
    stat.write_text("cpu  200 0 0 1000 0 0 0 150 0 0\n")
    now[0] = 2.0
    assert (load.cores(), load.stolen()) == (pytest.approx(1.0), pytest.approx(0.5))
    stat.unlink()
    assert ForeignLoad().stolen() == 0


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


GPU = torch.device("cuda:0")
UUID = "4d2b6a1e-0000-1111-2222-333344445555"


class FakeNvml(types.ModuleType):
    """NVML on a machine whose GPU, by its UUID, is throttled while *reasons* are set."""

    NVMLError = RuntimeError
    NVML_CLOCK_SM = 1
    nvmlClocksThrottleReasonSwPowerCap = 4
    nvmlClocksThrottleReasonHwThermalSlowdown = 64

    def __init__(self) -> None:
        super().__init__("pynvml")
        self.reasons, self.clock = 0, 1980
        self.looks, self.open = 0, 0
        self.nvmlInit, self.nvmlShutdown = self.start, self.stop
        self.nvmlDeviceGetHandleByUUID = self.find
        self.nvmlDeviceGetCurrentClocksThrottleReasons = self.look
        self.nvmlDeviceGetClockInfo = lambda handle, clock: self.clock
        self.nvmlDeviceGetMaxClockInfo = lambda handle, clock: 1980

    def start(self) -> None:
        self.open += 1

    def stop(self) -> None:
        self.open -= 1

    def find(self, uuid: str) -> str:
        if uuid != f"GPU-{UUID}":
            raise RuntimeError("Not Found")
        return uuid

    def look(self, handle: str) -> int:
        assert handle == f"GPU-{UUID}"
        self.looks += 1
        return self.reasons


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> FakeNvml:
    fake = FakeNvml()
    monkeypatch.setitem(sys.modules, "pynvml", fake)
    monkeypatch.setattr(interference, "_CLOCK_SECONDS", 0.001)
    monkeypatch.setattr(interference, "_uuid", lambda device: UUID)
    return fake


def keep_busy(nvml: FakeNvml, *, reasons: int, clock: int) -> None:
    """Let the GPU be throttled for two looks, and no longer afterwards."""
    nvml.reasons, nvml.clock, end = reasons, clock, nvml.looks + 2
    while nvml.looks < end:
        time.sleep(0.001)
    nvml.reasons, nvml.clock = 0, 1980


def test_a_gpu_that_was_throttled_while_it_computed_is_reported_with_its_clock(nvml: FakeNvml) -> None:
    """Once it is done it cools down, and NVML says no more."""
    with GpuClock(GPU) as clock:
        keep_busy(nvml, reasons=4 | 1, clock=900)
        keep_busy(nvml, reasons=4 | 64, clock=1200)
    assert clock.notes() == ("the GPU ran at 900 of 1980 MHz because of its power limit and its temperature",)
    assert nvml.open == 0


def test_an_idle_gpus_low_clock_is_nobodys_concern(nvml: FakeNvml) -> None:
    with GpuClock(GPU) as clock:
        keep_busy(nvml, reasons=1, clock=300)
    assert clock.notes() == ()


def test_the_gpu_is_asked_for_by_its_uuid(nvml: FakeNvml, monkeypatch: pytest.MonkeyPatch) -> None:
    """NVML numbers all GPUs of the machine, torch only the visible ones."""
    monkeypatch.setattr(interference, "_uuid", lambda device: "another")
    nvml.reasons = 4
    with GpuClock(GPU) as clock:
        time.sleep(0.02)
    assert (clock.notes(), nvml.looks, nvml.open) == ((), 0, 0)


def test_torch_knows_the_uuid_of_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: types.SimpleNamespace(uuid=UUID))
    assert interference._uuid(GPU) == UUID


def test_nothing_is_asked_without_the_library_or_of_another_device(
    nvml: FakeNvml, monkeypatch: pytest.MonkeyPatch
) -> None:
    with GpuClock(torch.device("cpu")) as clock:
        pass
    assert (clock.notes(), nvml.looks) == ((), 0)
    monkeypatch.setitem(sys.modules, "pynvml", None)
    with GpuClock(GPU) as clock:
        pass
    assert clock.notes() == ()
