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
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", forgotten.append)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: 3 * MIB)
    gpu = torch.device("cuda:1")
    assert PeakMemory(gpu).mib() == 3
    assert forgotten == [gpu]
