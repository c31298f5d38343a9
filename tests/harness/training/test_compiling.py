"""Compiling: graphs are recorded only where there are any, and never over gradients that add up."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import harness.training.loop as engine
from harness.measuring.environment import check_compile
from harness.training.compiling import compiled
from zoo.errors import UsageError


def test_graphs_need_a_cuda_device() -> None:
    check_compile("graphs", "cuda:0")
    check_compile("on", "cpu")
    with pytest.raises(UsageError, match="--compile graphs needs a CUDA device, and this is cpu"):
        check_compile("graphs", "cpu")


def test_each_call_of_a_recorded_network_says_that_a_step_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    asked: list[Any] = []

    def compile(model: nn.Module, **how: Any) -> Any:
        asked.append(how)
        return lambda images: said.append("pass") or model(images)  # type: ignore[func-returns-value]

    monkeypatch.setattr(torch, "compile", compile)
    monkeypatch.setattr(torch.compiler, "cudagraph_mark_step_begin", lambda: said.append("step"))
    images_BCHW = torch.zeros(2, 3)
    for graphs in (False, True):
        compiled(nn.Linear(3, 2), graphs=graphs)(images_BCHW)
    assert asked == [{}, {"mode": "reduce-overhead"}]
    assert said == ["pass", "step", "pass"]


@pytest.mark.parametrize(("accumulate_steps", "passes"), [(1, "graphs"), (2, "plain")])
def test_gradients_that_add_up_are_not_recorded(
    monkeypatch: pytest.MonkeyPatch, make_data: Any, make_net: Any, fit: Any, accumulate_steps: int, passes: str
) -> None:
    used: list[str] = []

    def fake(model: nn.Module, *, graphs: bool = False) -> Any:
        def forward(images_BCHW: Tensor) -> Tensor:
            used.append("graphs" if graphs else "plain")
            logits: Tensor = model(images_BCHW)
            return logits

        return forward

    monkeypatch.setattr(engine, "compiled", fake)
    fit(make_data(), make_net(), epochs=1, compile=True, graphs=True, accumulate_steps=accumulate_steps)
    assert set(used) == {passes}
