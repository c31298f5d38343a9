"""Compiling: graphs are recorded only where there are any, and never over gradients that add up."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import harness.training.loop as engine
from harness.training.compiling import compiled


def counted(monkeypatch: pytest.MonkeyPatch, net: nn.Module, *, graphs: bool) -> tuple[Tensor, list[str]]:
    """Run *net* through the real compiler with a backend that counts; return its output and what happened."""
    torch.compiler.reset()
    happened: list[str] = []

    def backend(graph: torch.fx.GraphModule, inputs: list[Tensor]) -> Any:
        happened.append("compiled")

        def run(*values: Tensor) -> Any:
            happened.append("ran")
            return graph(*values)

        return run

    real = torch.compile

    def compile(model: nn.Module, *, mode: str | None = None) -> Any:
        happened.append(mode or "default")
        return real(model, backend=backend)

    monkeypatch.setattr(torch, "compile", compile)
    monkeypatch.setattr(torch.compiler, "cudagraph_mark_step_begin", lambda: happened.append("step"))
    forward = compiled(net, graphs=graphs)
    images_BCHW = torch.ones(2, 3, 4, 4)
    forward(images_BCHW)
    return forward(images_BCHW), happened


def test_a_compiled_network_runs_what_the_compiler_made_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    net = nn.Conv2d(3, 2, 3)
    output, happened = counted(monkeypatch, net, graphs=False)
    assert happened == ["default", "compiled", "ran", "ran"]
    torch.testing.assert_close(output, net(torch.ones(2, 3, 4, 4)))


def test_each_call_of_a_recorded_network_says_that_a_step_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    _, happened = counted(monkeypatch, nn.Conv2d(3, 2, 3), graphs=True)
    assert happened == ["reduce-overhead", "step", "compiled", "ran", "step", "ran"]


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
