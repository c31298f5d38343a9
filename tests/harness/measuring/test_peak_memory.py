"""Peak memory: what was held at the worst moment, since it was last forgotten."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from harness.measuring.peak_memory import PeakMemory

CPU = torch.device("cpu")
MIB = 2**20


# A process of its own: what earlier tests left is freed in this one at any moment, and hides the growth.
GROWTH = """
import mmap, torch
from harness.measuring.peak_memory import PeakMemory
memory = PeakMemory(torch.device("cpu"))
print(memory.mib())
with mmap.mmap(-1, 64 * 2**20) as pages:
    for _ in range(64):
        pages.write(b"x" * 2**20)
print(memory.mib())
print(memory.forget_peak())
print(memory.mib())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/status")
def test_on_a_cpu_it_is_how_far_the_process_grew() -> None:
    child = subprocess.run([sys.executable, "-c", GROWTH], capture_output=True, text=True, check=True)
    before, peak, forgotten, after = child.stdout.split()
    if before == "None":
        pytest.skip("the system does not let a process reset its peak")
    assert float(before) < 5
    assert 60 < float(peak) < 80
    assert forgotten == "True"
    assert float(after) < 15


def test_without_information_from_the_system_it_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    memory = PeakMemory(CPU)
    assert not memory.forget_peak()
    assert memory.mib() is None


def test_on_a_gpu_it_is_what_torchs_allocator_gave_out(monkeypatch: pytest.MonkeyPatch) -> None:
    forgotten: list[torch.device] = []
    monkeypatch.setattr(torch.accelerator, "reset_peak_memory_stats", forgotten.append)
    monkeypatch.setattr(torch.accelerator, "max_memory_allocated", lambda device: 3 * MIB)
    gpu = torch.device("cuda:1")
    memory = PeakMemory(gpu)
    assert memory.mib() == 3
    memory.forget_trials()
    assert forgotten == [gpu, gpu]


def test_memory_in_which_kernels_are_tried_is_forgotten_on_accelerators_only(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = PeakMemory(CPU)
    monkeypatch.setattr(memory, "forget_peak", lambda: pytest.fail("nothing is tried on a CPU"))
    memory.forget_trials()


def test_in_a_process_that_has_not_used_the_gpu_the_peak_can_be_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch.cuda's own function raises there, and so did every probe on a GPU."""
    monkeypatch.setattr("torch.accelerator.memory._get_device_index", lambda device, **_: 0)
    with pytest.raises(Exception, match=r"(?i)device|cuda|compiled"):
        torch.cuda.reset_peak_memory_stats(torch.device("cuda:0"))
    assert PeakMemory(torch.device("cuda:0")).mib() == 0
