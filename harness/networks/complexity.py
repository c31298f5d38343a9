"""The size of a network: its parameters, and the multiply-accumulates of a forward pass of one image.

Shape suffixes: B batch, C channels, H height, W width.
"""

from __future__ import annotations

import copy
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch._ops import HigherOrderOperator
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from zoo.text import error_text

_log = logging.getLogger(__name__)

FLOPS_PER_MAC = 2  # a multiplication and an addition


def count_parameters(model: nn.Module) -> tuple[int, int]:
    """Return how many parameters *model* has, and how many of them are trainable; shared ones count once."""
    total = trainable = 0
    for parameter in model.parameters():
        total += parameter.numel()
        trainable += parameter.numel() if parameter.requires_grad else 0
    return total, trainable


def count_macs(model: nn.Module | Callable[[], nn.Module], image_shape: tuple[int, ...]) -> int | None:
    """Count the multiply-accumulates of a forward pass of one image in eval mode, including attention.

    The formulas are those of torch's flop counter: for convolutions and matrix products, but not additions,
    activations, normalisation or pooling. The forward pass runs on the meta device, where nothing is computed; a
    network that needs actual values runs on its own device instead. So does a copy of a network on the CPU, while
    torch's compiler has not been imported: operations on the meta device import it, which takes longer than an image.
    The network is left unchanged.

    Args:
        model: A network, or a function that builds one, which is called on the meta device and takes no memory.
        image_shape: ``(C, H, W)``, or ``(D,)`` for features.

    Returns:
        The count, or None if the forward pass fails or uses operations that cannot be traced.
    """
    try:
        if isinstance(model, nn.Module) and _is_on_cpu(model) and "torch._dynamo" not in sys.modules:
            with torch.random.fork_rng(devices=[]), _elementary_operations():
                return _flops(copy.deepcopy(model), image_shape, torch.device("cpu")) // FLOPS_PER_MAC
        return _flops(_on_meta(model), image_shape, torch.device("meta")) // FLOPS_PER_MAC
    except Exception as error:  # a network may raise anything; try again on its own device
        _log.debug("not countable as a copy: %s", error_text(error))
    real = model if isinstance(model, nn.Module) else model()
    first = next(real.parameters(), None)
    device = torch.device("cpu") if first is None else first.device
    try:
        return _flops(real, image_shape, device) // FLOPS_PER_MAC
    except Exception as error:  # training will report whether the network works at all
        _log.warning("multiply-accumulates could not be counted: %s", error_text(error))
        return None


def meta_copy(model: nn.Module) -> nn.Module:
    """Return a copy of *model* without weights: the same modules, with parameters and buffers on the meta device."""
    memo: dict[int, object] = {}
    for parameter in model.parameters():
        memo[id(parameter)] = nn.Parameter(
            torch.empty_like(parameter, device="meta"), requires_grad=parameter.requires_grad
        )
    for buffer in model.buffers():
        memo[id(buffer)] = torch.empty_like(buffer, device="meta")
    return copy.deepcopy(model, memo)


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put *model* into eval mode without gradients, and restore the mode of each module afterwards."""
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module in training:
            module.training = True


def _on_meta(model: nn.Module | Callable[[], nn.Module]) -> nn.Module:
    if isinstance(model, nn.Module):
        return meta_copy(model)
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        return model()


def _is_on_cpu(model: nn.Module) -> bool:
    return all(tensor.device.type == "cpu" for tensors in (model.parameters(), model.buffers()) for tensor in tensors)


@contextmanager
def _elementary_operations() -> Iterator[None]:
    """Have layers run as the operations that are counted, and not as kernels that combine several for the CPU."""
    backends: Any = torch.backends
    was_fused, had_mkldnn = backends.mha.get_fastpath_enabled(), backends.mkldnn.enabled
    backends.mha.set_fastpath_enabled(False)
    backends.mkldnn.enabled = False
    try:
        yield
    finally:
        backends.mha.set_fastpath_enabled(was_fused)
        backends.mkldnn.enabled = had_mkldnn


def _flops(model: nn.Module, image_shape: tuple[int, ...], device: torch.device) -> int:
    images_BCHW = torch.zeros(1, *image_shape, device=device)
    with evaluating(model), _FlopCounter() as counter:
        model(images_BCHW)
    return int(counter.flops)


class _FlopCounter(TorchDispatchMode):
    """Counts as ``torch.utils.flop_counter.FlopCounterMode`` does, without importing torch's compiler for it."""

    supports_higher_order_operators = True

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.flops = 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # True would import the compiler, to keep it from compiling this class's code.
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        is_higher_order = isinstance(func, HigherOrderOperator)
        formula = flop_registry.get(func if is_higher_order else func._overloadpacket)
        if formula is None and is_higher_order:
            return NotImplemented
        if formula is None:
            with self:
                out = func.decompose(*args, **kwargs)
            return func(*args, **kwargs) if out is NotImplemented else out
        out = func(*args, **kwargs)
        self.flops += formula(*args, **kwargs, out_val=out)
        return out
