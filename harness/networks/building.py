"""Building: a network from its architecture and a seed, adapted to small images and checked before it is trained.

Shape suffixes: B batch, C channels, H height, W width, K classes.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from harness.faults.errors import TrialError
from harness.faults.out_of_memory import is_out_of_memory
from harness.networks.global_state import unchanged
from harness.networks.small_images import adapt_small_images
from harness.randomness import derive_seed
from harness.records.record import FailureKind
from zoo.architecture import Architecture, ModelRequest
from zoo.calling.containment import reported


def build_model(
    architecture: Architecture, request: ModelRequest, *, seed: int, adapt: bool, check: bool = True
) -> tuple[nn.Module, tuple[str, ...]]:
    """Build a network from a seed, adapt it to small images if requested, and check its output.

    Args:
        check: Whether to check the output, which takes a forward pass of two images.

    Returns:
        The network in train mode on the CPU, and a line for each change made by the adaptation.

    Raises:
        TrialError: If the plugin's builder raises, or the network does not map images to logits ``[B, K]``.
    """
    torch.manual_seed(derive_seed(seed, "init"))
    doing = f"building {architecture.name}"
    # The check comes first: what was changed is put back afterwards.
    with _reported(doing, f"{doing} failed"), unchanged(doing):
        model = architecture.build(request)
    if not isinstance(model, nn.Module):
        raise TrialError(FailureKind.PLUGIN, f"building {architecture.name} gave {type(model).__name__}, not a module")
    if any(map(is_lazy, [*model.parameters(), *model.buffers()])):
        _materialize(model, architecture.name, request)
    changes: tuple[str, ...] = ()
    if adapt:
        changes = adapt_small_images(model, image_size=request.image_size, in_channels=request.in_channels)
    if check:
        check_output(model, architecture.name, request)
    return model.train(), changes


_reported = partial(reported, error=partial(TrialError, FailureKind.PLUGIN), passes=is_out_of_memory)
"""Reports a plugin's errors as those of its trial; a device that runs out of memory is not the plugin's error."""


def _materialize(model: nn.Module, name: str, request: ModelRequest) -> None:
    """Give the layers that infer their size, such as ``nn.LazyLinear``, their parameters, drawn from the same seed."""
    # Tensors that are made in inference mode could not be trained.
    with torch.no_grad():
        _forward(model, name, request)
    unused = [key for key, each in [*model.named_parameters(), *model.named_buffers()] if is_lazy(each)]
    if unused:
        raise TrialError(
            FailureKind.PLUGIN,
            f"{name} has a lazy layer that no forward pass reaches: {unused[0]} has no size",
        )


def _forward(model: nn.Module, name: str, request: ModelRequest) -> object:
    images_BCHW = torch.zeros(2, request.in_channels, request.image_size, request.image_size)
    model.eval()
    with _reported(f"running {name}", f"{name} cannot take images {list(images_BCHW.shape)}"):
        return model(images_BCHW)


def check_output(model: nn.Module, name: str, request: ModelRequest) -> None:
    """Check that a network maps two images of the request's size to logits.

    Raises:
        TrialError: If it does not.
    """
    with torch.inference_mode():
        logits_BK = _forward(model, name, request)
    if not isinstance(logits_BK, torch.Tensor):
        raise TrialError(FailureKind.PLUGIN, f"{name} returned {type(logits_BK).__name__}, not a tensor of logits")
    wanted = [2, request.num_classes]
    if list(logits_BK.shape) != wanted:
        raise TrialError(FailureKind.PLUGIN, f"{name} returned logits {list(logits_BK.shape)}, not {wanted}")
    if logits_BK.dtype != torch.float32:
        raise TrialError(FailureKind.PLUGIN, f"{name} returned {logits_BK.dtype}, not torch.float32")
