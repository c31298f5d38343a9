"""A tiny network that is right, from which broken ones are derived."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from zoo import Architecture, ModelRequest


class Net(nn.Module):
    """A tiny network that is right; the broken ones are derived from it."""

    def __init__(self, request: ModelRequest) -> None:
        super().__init__()
        self.conv = nn.Conv2d(request.in_channels, 8, 3, stride=2, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.pool = nn.AdaptiveAvgPool2d(4)
        self.head = nn.Linear(128, request.num_classes)

    def forward(self, images_BCHW: Tensor) -> Any:
        return self.head(self.features(images_BCHW))

    def features(self, images_BCHW: Tensor) -> Tensor:
        return self.pool(self.norm(self.conv(images_BCHW)).relu()).flatten(1)


def right(build: Callable[[ModelRequest], Any] = Net, **fields: Any) -> Architecture:
    """Return an architecture that is right but for what is given."""
    return Architecture(**{"name": "net", "build": build, "native_size": 16, **fields})


def built(change: Callable[[Any], object]) -> Callable[[ModelRequest], Net]:
    """Return a builder of the right network with a change."""

    def build(request: ModelRequest) -> Net:
        net = Net(request)
        change(net)
        return net

    return build
