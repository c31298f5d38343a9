"""Networks: built from zoo's catalog for every trainer."""

from __future__ import annotations

import torch
from torch import nn


def build_network(name: str) -> nn.Module:
    """Return a network for 10 classes of 32×32 pixels, as its authors designed it, without adapted strides."""
    from zoo.architecture import ModelRequest
    from zoo.finding import Sources
    from zoo.loading import build_catalog

    torch.manual_seed(0)
    architecture = build_catalog(Sources()).architectures.get(name).record
    return architecture.build(
        ModelRequest(num_classes=10, in_channels=3, image_size=32, pretrained=False, options=dict(architecture.options))
    )
