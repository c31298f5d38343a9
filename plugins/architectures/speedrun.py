"""The network of the speedrun recipe."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from plugins.architectures.checks import positive
from zoo import Architecture, ModelRequest, hookimpl

if TYPE_CHECKING:
    from torch import nn


@hookimpl
def zoo_architectures() -> Iterator[Architecture]:
    """Yield the speedrun network."""
    yield Architecture(
        name="speedrun_cnn",
        build=_build,
        summary="whitened patches and six convolutions, for learning CIFAR-10 in a few epochs with the recipe speedrun",
        family="speedrun",
        source="based on arXiv:2404.00498",
        native_size=32,
        min_size=2,
        options={"width": 1.0, "whitened": True},
    )


def _build(request: ModelRequest) -> nn.Module:
    from plugins.architectures.speedrun_net import SpeedrunNet

    return SpeedrunNet(
        request.num_classes,
        in_channels=request.in_channels,
        image_size=request.image_size,
        width=positive(request.options, "width"),
        whitened=bool(request.options["whitened"]),
    )
