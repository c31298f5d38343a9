"""Compiling: graphs are recorded only where there are any, and never over gradients that add up."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import harness.training.loop as engine
from harness.faults.errors import TrialError
from harness.records.record import FailureKind
from harness.training.compiling import (
    GraphRecordingError,
    compiled,
    forget_compiled,
    recording,
    watch_compiler,
)

CPU = torch.device("cpu")


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

    def compile(model: nn.Module, *, dynamic: bool, mode: str | None = None) -> Any:
        assert not dynamic
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


@pytest.fixture
def versions(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[list[int]]]:
    """Compile with a backend that notes, for each version that it makes, the batch sizes that it is made for."""
    torch.compiler.reset()
    made: list[list[int]] = []

    def backend(graph: torch.fx.GraphModule, inputs: list[Any]) -> Any:
        images = [value for value in inputs if isinstance(value, Tensor) and value.ndim == 4 and len(value) > 3]
        made.append([size if isinstance(size := each.shape[0], int) else -1 for each in images])
        return graph.forward

    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=backend))
    with torch._dynamo.config.patch(recompile_limit=8):  # timm.optim raises it where it is imported
        yield made


def images_of(size: int) -> Tensor:
    return torch.ones(size, 3, 4, 4)


def test_a_smaller_last_batch_gets_code_of_its_own_and_never_code_for_any_shape(versions: list[list[int]]) -> None:
    forward = compiled(nn.Conv2d(3, 2, 3))
    for size in (8, 5, 8, 5, 8):
        forward(images_of(size))
    assert versions == [[8], [5]]


def test_a_function_with_too_many_versions_is_noticed_and_none_is_after_a_phase(versions: list[list[int]]) -> None:
    with watch_compiler() as given_up:
        forward = compiled(nn.Conv2d(3, 2, 3))
        for size in range(4, 10):
            forward(images_of(size))
        forget_compiled(CPU)
        for size in range(10, 16):
            forward(images_of(size))
    assert versions == [[size] for size in range(4, 16)]
    assert given_up.notes() == ()
    with watch_compiler() as given_up:
        for size in range(20, 40):
            forward(images_of(size))
    assert len(versions) < 12 + 20
    (note,) = given_up.notes()
    assert note.startswith("the compiler gave up ")
    assert note.endswith(": that part ran uncompiled")


def test_where_nothing_was_compiled_forgetting_does_not_load_the_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "torch._dynamo", raising=False)
    monkeypatch.setattr(torch.compiler, "reset", lambda: pytest.fail("this takes seconds"))
    forget_compiled(CPU)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1 GiB"),
        RuntimeError("CUDA error: operation failed due to a previous error during capture"),
        RuntimeError("CUDA error: operation not permitted when stream is capturing"),
        RuntimeError("CUDA error: cudaErrorStreamCaptureInvalidated"),
    ],
)
def test_graphs_that_cannot_be_recorded_end_the_training_instead_of_halving_the_batch(
    make_data: Any, make_net: Any, fit: Any, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    calls: list[int] = []

    def fake(model: nn.Module, *, graphs: bool = False) -> Any:
        def forward(images_BCHW: Tensor) -> Tensor:
            calls.append(len(images_BCHW))
            raise error

        return forward

    monkeypatch.setattr(engine, "compiled", fake)
    with pytest.raises(GraphRecordingError, match="CUDA graphs could not be recorded or replayed: ") as caught:
        fit(make_data(), make_net(), compile=True, graphs=True)
    assert isinstance(caught.value, TrialError)
    assert caught.value.kind is FailureKind.OOM
    assert calls == [16]


@pytest.mark.parametrize("graphs", [False, True])
def test_other_errors_pass_through(graphs: bool) -> None:
    error = RuntimeError("shapes do not match") if graphs else torch.OutOfMemoryError("CUDA out of memory")
    with pytest.raises(type(error)) as caught, recording(graphs):
        raise error
    assert caught.value is error
