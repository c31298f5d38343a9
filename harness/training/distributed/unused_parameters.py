"""Unused parameters: whether a network has weights without a gradient, which DistributedDataParallel needs to know.

Shape suffixes: B batch, C channels, H height, W width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from harness.training.forward_state import ForwardState


def leaves_weights_unused(model: nn.Module, images_BCHW: Tensor, device: torch.device) -> bool:
    """Return whether a training pass leaves a trainable weight without a gradient; the network is not changed."""
    before = ForwardState(model, device)
    modes = [(module, module.training) for module in model.modules()]
    model.train()
    try:
        output = model(images_BCHW)
        if not (isinstance(output, Tensor) and output.requires_grad):
            return False  # training reports the problem more clearly
        output.float().sum().backward()
        return any(weight.grad is None for weight in model.parameters() if weight.requires_grad)
    finally:
        model.zero_grad(set_to_none=True)
        before.restore()
        for module, was_training in modes:
            module.training = was_training
