"""Measuring: the reference network, disturbances, the search for the best inference, and that all is left as it was."""

from __future__ import annotations

import sys
import time
import types
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from harness.measuring import interference
from harness.measuring.best_inference import find_best_inference
from harness.measuring.interference import ForeignLoad, gpu_notes
from harness.measuring.reference import BATCH_SIZE, measure_reference, reference_step
from harness.measuring.speed import _drift_notes
from harness.networks.complexity import count_macs

CPU = torch.device("cpu")


def small_network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())


def test_the_reference_network_is_the_same_in_every_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Tensor] = []

    def remember(self: nn.Module, images_BCHW: Tensor) -> Tensor:
        seen.append(forward(self, images_BCHW))
        return seen[-1]

    forward = nn.Sequential.forward
    monkeypatch.setattr(nn.Sequential, "forward", remember)
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    reference_step(CPU)()
    assert torch.equal(torch.rand(1), expected), "it draws from generators of its own"
    torch.manual_seed(2)
    reference_step(CPU)()
    assert torch.equal(seen[0], seen[1])
    assert seen[0].shape == (BATCH_SIZE, 10)


def test_the_reference_network_takes_the_operations_that_its_docstring_says(monkeypatch: pytest.MonkeyPatch) -> None:
    networks: list[nn.Module] = []
    monkeypatch.setattr("harness.measuring.reference.eval_mode", lambda model: networks.append(model) or _nothing())
    reference_step(CPU)()
    macs = count_macs(networks[0], (3, 32, 32))
    assert macs is not None
    assert f"{macs / 1e6:.1f} M multiply-accumulates" in (reference_step.__doc__ or "")


def _nothing() -> Any:
    import contextlib

    return contextlib.nullcontext()


def test_the_reference_is_measured_in_a_bounded_time() -> None:
    start = time.perf_counter()
    windows = measure_reference(reference_step(CPU), CPU, budget_seconds=0.05)
    assert min(windows) > 0
    assert time.perf_counter() - start < 10


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


def test_where_the_system_does_not_tell_the_load_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interference, "_busy_seconds", lambda: None)
    assert ForeignLoad().cores() is None


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


def test_a_throttled_gpu_is_told_of_with_its_clock(monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_a_clock_that_changed_meanwhile_is_told_of() -> None:
    assert _drift_notes([100.0, 101.0], [97.0, 104.0]) == ()
    (slower,) = _drift_notes([100.0], [70.0])
    assert "after the measurement the reference network ran at 0.70 times its speed before" in slower
    assert _drift_notes([70.0], [100.0])


def test_the_best_inference_is_the_fastest_of_what_was_tried() -> None:
    class SlowInFloat32(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = small_network()

        def forward(self, images_BCHW: Tensor) -> Tensor:
            if images_BCHW.dtype == torch.float32:
                time.sleep(0.01)
            logits_BK: Tensor = self.network(images_BCHW)
            return logits_BK

    model = SlowInFloat32().eval()
    images_NCHW = torch.rand(32, 3, 8, 8)
    with torch.inference_mode():
        classes_N = model(images_NCHW).argmax(dim=1)
    best = find_best_inference(model, images_NCHW, classes_N, compile=False, budget_seconds=0.05)
    assert best is not None
    assert best.precision == "bf16"
    assert best.rate.batch_size in (16, 32)
    assert 0.5 <= best.top1_agreement <= 1
    assert {name.split()[1] for name in best.images_per_second} == {"fp32", "bf16"}
    assert next(model.parameters()).dtype == torch.float32, "the network itself is left as it was"


def test_agreement_is_counted_against_the_recorded_classes() -> None:
    model = small_network().eval()
    images_NCHW = torch.rand(8, 3, 8, 8)
    wrong_N = torch.full((8,), 99)
    best = find_best_inference(model, images_NCHW, wrong_N, compile=False, budget_seconds=0.01)
    assert best is not None
    assert best.top1_agreement == 0


def test_a_network_that_takes_float32_only_is_measured_in_it() -> None:
    class Float32Only(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = small_network()

        def forward(self, images_BCHW: Tensor) -> Tensor:
            if images_BCHW.dtype != torch.float32:
                raise TypeError("float32 only")
            logits_BK: Tensor = self.network(images_BCHW)
            return logits_BK

    images_NCHW = torch.rand(8, 3, 8, 8)
    best = find_best_inference(
        Float32Only().eval(), images_NCHW, torch.zeros(8, dtype=torch.int64), compile=False, budget_seconds=0.01
    )
    assert best is not None
    assert best.precision == "fp32"
    assert best.refused["channels_last bf16"] == "TypeError: float32 only"


def test_a_network_that_predicts_in_no_setting_costs_no_trial_its_record() -> None:
    class Broken(nn.Module):
        def forward(self, images_BCHW: Tensor) -> Tensor:
            raise KeyError("broken")

    labels_N = torch.zeros(8, dtype=torch.int64)
    images_NCHW = torch.rand(8, 3, 8, 8)
    assert find_best_inference(Broken(), images_NCHW, labels_N, compile=False, budget_seconds=0.01) is None


def test_memory_that_runs_out_in_the_search_is_not_taken_for_a_setting_that_does_not_work() -> None:
    class Hungry(nn.Module):
        def forward(self, images_BCHW: Tensor) -> Tensor:
            raise torch.OutOfMemoryError("CUDA out of memory")

    labels_N = torch.zeros(8, dtype=torch.int64)
    images_NCHW = torch.rand(8, 3, 8, 8)
    with pytest.raises(torch.OutOfMemoryError):
        find_best_inference(Hungry(), images_NCHW, labels_N, compile=False, budget_seconds=0.01)
