"""The reference network: the same in every trial, and quickly measured."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from harness.measuring.reference import BATCH_SIZE, measure_reference, reference_step
from harness.networks.complexity import count_macs

CPU = torch.device("cpu")


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


def test_building_the_reference_network_imports_nothing_that_takes_each_trial_half_a_second() -> None:
    code = (
        "import sys, torch\n"
        "from harness.measuring.reference import reference_step\n"
        "before = set(sys.modules)\n"
        "reference_step(torch.device('cpu'))\n"
        "print([name for name in sys.modules if name not in before and name.startswith('torch.')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


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
