"""The allocator: freed memory stays with the process."""

from __future__ import annotations

import subprocess
import sys

import pytest

STEPS = """
import resource, torch
from harness.allocator import keep_freed_memory
if {keeps}:
    assert keep_freed_memory()
def step():
    return torch.ones(12 << 20)  # 48 MiB: more than glibc keeps by itself

for _ in range(20):  # as the first steps of a training, which make room
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(8):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator")
def test_memory_that_a_step_frees_is_not_faulted_in_again() -> None:
    faults = {
        keeps: int(
            subprocess.run(
                [sys.executable, "-c", STEPS.format(keeps=keeps)], capture_output=True, text=True, check=True
            ).stdout
        )
        for keeps in (False, True)
    }
    assert faults[True] * 5 < faults[False]
