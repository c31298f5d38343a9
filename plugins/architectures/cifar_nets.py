"""Networks for 32-pixel images: CIFAR ResNets, ResNet-18 with a 3×3 stem, wide ResNets and VGGs.

None of them needs the small-image adaptation, because their first layers do not reduce resolution.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import TYPE_CHECKING

from plugins.architectures.checks import count, share
from zoo import Architecture, ModelRequest, hookimpl

if TYPE_CHECKING:
    from torch import nn

_RESNET_SOURCE = "arXiv:1512.03385, section 4.2"


@hookimpl
def zoo_architectures() -> Iterator[Architecture]:
    """Yield networks for 32-pixel images."""
    for depth in (20, 32, 44, 56, 110):
        blocks = (depth - 2) // 6
        yield Architecture(
            name=f"resnet{depth}_cifar",
            build=functools.partial(_build_resnet, depths=(blocks,) * 3, projection=False),
            summary=f"ResNet-{depth} for 32-pixel images, with zero-padded shortcuts (option A)",
            family="resnet",
            source=_RESNET_SOURCE,
            native_size=32,
            exportable=True,
            options={"width": 16, "drop_rate": 0.0},
        )
    yield Architecture(
        name="resnet18_cifar",
        build=functools.partial(_build_resnet, depths=(2, 2, 2, 2), projection=True),
        summary="ResNet-18 with a 3×3 stem and no initial pooling",
        family="resnet",
        source="arXiv:1512.03385, table 1, with the stem of section 4.2",
        native_size=32,
        exportable=True,
        options={"width": 64, "drop_rate": 0.0},
    )
    for depth, widen in ((16, 4), (28, 10)):
        yield Architecture(
            name=f"wrn{depth}_{widen}_cifar",
            build=functools.partial(_build_wide_resnet, depth=depth, widen=widen),
            summary=f"wide ResNet of depth {depth} and width factor {widen}",
            family="wide_resnet",
            source="arXiv:1605.07146",
            native_size=32,
            exportable=True,
            options={"drop_rate": 0.0},
        )
    for depth in (11, 13, 16, 19):
        yield Architecture(
            name=f"vgg{depth}_bn_cifar",
            build=functools.partial(_build_vgg, depth=depth),
            summary=f"VGG-{depth} with batch normalisation and a single linear layer",
            family="vgg",
            source="arXiv:1409.1556, with batch normalisation of arXiv:1502.03167",
            native_size=32,
            exportable=True,
            options={"width": 64, "drop_rate": 0.0},
        )


def _build_resnet(request: ModelRequest, *, depths: tuple[int, ...], projection: bool) -> nn.Module:
    from plugins.architectures.resnet_cifar import CifarResNet

    return CifarResNet(
        depths,
        request.num_classes,
        in_channels=request.in_channels,
        width=count(request.options, "width"),
        projection=projection,
        drop_rate=share(request.options, "drop_rate"),
    )


def _build_wide_resnet(request: ModelRequest, *, depth: int, widen: int) -> nn.Module:
    from plugins.architectures.wide_resnet import WideResNet

    return WideResNet(
        depth,
        widen,
        request.num_classes,
        in_channels=request.in_channels,
        drop_rate=share(request.options, "drop_rate"),
    )


def _build_vgg(request: ModelRequest, *, depth: int) -> nn.Module:
    from plugins.architectures.vgg import VGG

    return VGG(
        depth,
        request.num_classes,
        in_channels=request.in_channels,
        width=count(request.options, "width"),
        drop_rate=share(request.options, "drop_rate"),
    )
