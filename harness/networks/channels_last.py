"""Channels-last memory: which networks cannot be trained in it on a CPU.

oneDNN's kernel for the weight gradient of a strided 1x1 convolution writes outside its workspace if the images are
in channels-last memory and have fewer channels than a vector register has floats: gradients are wrong, or the process
crashes (https://github.com/uxlfoundation/oneDNN/issues/6035; torch 2.11 to 2.15 have it). Among published networks it
is the first layer of FastViT, which sees the image itself.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn

MemoryLayout = Literal["auto", "channels_last", "contiguous"]
FLOATS_OF_A_REGISTER = 16
"""Of AVX-512. The kernels of processors with shorter registers need fewer channels, but all machines choose alike."""


def trainable_layout(wanted: MemoryLayout, model: nn.Module, device: torch.device) -> MemoryLayout:
    """Return *wanted*, or ``"contiguous"`` where *model* cannot be trained in channels-last memory on *device*."""
    if device.type == "cpu" and unsafe_layer(model) is not None:
        return "contiguous"
    return wanted


def unsafe_layer(model: nn.Module) -> str | None:
    """Return the name of the first layer whose weight gradients oneDNN computes wrongly in channels-last memory."""
    name: str
    for name, module in model.named_modules():
        if (
            isinstance(module, nn.Conv2d)
            and module.kernel_size == (1, 1)
            and max(module.stride) > 1
            and module.groups == 1
            and module.in_channels < FLOATS_OF_A_REGISTER
        ):
            return name
    return None
