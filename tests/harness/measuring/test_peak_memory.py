"""Peak memory: what was held at the worst moment, since it was last forgotten."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch

from harness.measuring.peak_memory import PeakMemory

CPU = torch.device("cpu")
MIB = 2**20


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/status")
def test_on_a_cpu_it_is_how_far_the_process_grew() -> None:
    memory = PeakMemory(CPU)
    if memory.mib() is None:
        pytest.skip("the system does not let a process reset its peak")
    np.ones(64 * MIB, dtype=np.uint8)  # freed at once
    peak = memory.mib()
    assert peak is not None
    assert 50 < peak < 200
    assert memory.forget_peak()
    after = memory.mib()
    assert after is not None
    assert after < peak - 30


def test_where_the_system_does_not_tell_it_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
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
