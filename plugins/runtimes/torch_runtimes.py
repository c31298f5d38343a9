"""Runtimes of torch itself: ``eager``, ``compile``, ``aotinductor`` and ``torchscript``."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from zoo import Runtime, RuntimeRequest, hookimpl

if TYPE_CHECKING:
    from torch import Tensor

    from zoo.runtime import Run


def load_eager(path: Path | None, request: RuntimeRequest) -> Run:
    """Return the network itself."""
    return request.network


def load_compiled(path: Path | None, request: RuntimeRequest) -> Run:
    """Return the network behind ``torch.compile``, which compiles it at the first call."""
    import torch

    compiled: Run = torch.compile(request.network, dynamic=False)  # each shape has code of its own, as in trials
    return compiled


def write_aotinductor(request: RuntimeRequest) -> Path:
    """Compile the network ahead of time to a shared library in a package; needs a C++ compiler."""
    import torch
    from torch._inductor import aoti_compile_and_package

    example_BCHW = torch.zeros(2, request.channels, request.image_size, request.image_size)
    path = request.folder / "network.pt2"
    with torch.no_grad():
        program = torch.export.export(
            request.network, (example_BCHW,), dynamic_shapes=({0: torch.export.Dim("batch", min=1)},)
        )
        aoti_compile_and_package(program, package_path=str(path))
    return path


def load_aotinductor(path: Path | None, request: RuntimeRequest) -> Run:
    """Load a compiled package."""
    from torch._inductor import aoti_load_package

    model = aoti_load_package(str(path))

    def run(images_BCHW: Tensor) -> Tensor:
        logits_BK: Tensor = model(images_BCHW.contiguous())
        return logits_BK

    return run


def write_torchscript(request: RuntimeRequest) -> Path:
    """Trace the network on two images and freeze it; PyTorch has deprecated TorchScript, and still runs it."""
    import torch

    example_BCHW = torch.zeros(2, request.channels, request.image_size, request.image_size, device=request.device)
    path = request.folder / "network.pt"
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # that it is deprecated, and values that tracing takes for constants
        traced = torch.jit.trace(request.network, example_BCHW, check_trace=False)
        torch.jit.freeze(traced).save(str(path))
    return path


def load_torchscript(path: Path | None, request: RuntimeRequest) -> Run:
    """Load a traced network."""
    import torch

    assert path is not None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = torch.jit.load(str(path), map_location=request.device)

    def run(images_BCHW: Tensor) -> Tensor:
        logits_BK: Tensor = module(images_BCHW)
        return logits_BK

    return run


@hookimpl
def zoo_runtimes() -> Iterable[Runtime]:
    """Yield ``eager``, ``compile``, ``aotinductor`` and ``torchscript``."""
    yield Runtime(name="eager", load=load_eager, where="trial", summary="torch, call by call")
    yield Runtime(
        name="compile",
        load=load_compiled,
        where="trial",
        compiles=True,
        summary="torch.compile, in the trial's layout and precision",
        source="https://docs.pytorch.org/docs/stable/generated/torch.compile.html",
    )
    yield Runtime(
        name="aotinductor",
        convert=write_aotinductor,
        load=load_aotinductor,
        summary="torch's compiler ahead of time, on the CPU in float32; needs a C++ compiler",
        source="https://docs.pytorch.org/docs/stable/torch.compiler_aot_inductor.html",
    )
    yield Runtime(
        name="torchscript",
        convert=write_torchscript,
        load=load_torchscript,
        summary="TorchScript, traced and frozen, on the CPU in float32; PyTorch has deprecated it",
        source="https://docs.pytorch.org/docs/stable/jit.html",
    )
