"""The size of a network: its parameters, and the multiply-accumulates of a forward pass of one image.

Shape suffixes: B batch, C channels, H height, W width.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

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


def count_macs(model: nn.Module | Callable[[], nn.Module], image_shape: tuple[int, int, int]) -> int | None:
    """Count the multiply-accumulates of a forward pass of one image in eval mode, including attention.

    Torch's flop counter counts convolutions and matrix products, but not additions, activations, normalisation or
    pooling. The forward pass runs on the meta device, where nothing is computed; a network that needs actual values
    runs on its own device instead. The network is left unchanged.

    Args:
        model: A network, or a function that builds one, which is called on the meta device and takes no memory.
        image_shape: ``(C, H, W)``.

    Returns:
        The count, or None if the forward pass fails or uses operations that cannot be traced.
    """
    try:
        return _flops(_on_meta(model), image_shape, torch.device("meta")) // FLOPS_PER_MAC
    except Exception as error:  # a network may raise anything; try again on its own device
        _log.debug("not countable on the meta device: %s", error_text(error))
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


def _flops(model: nn.Module, image_shape: tuple[int, int, int], device: torch.device) -> int:
    images_BCHW = torch.zeros(1, *image_shape, device=device)
    with evaluating(model), FlopCounterMode(display=False) as counter:
        model(images_BCHW)
    return int(counter.get_total_flops())
