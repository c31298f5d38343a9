"""Small networks: a linear baseline, LeNet-5, a plain four-layer network and a six-convolution VGG."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from plugins.architectures.checks import count, share
from zoo import Architecture, ModelRequest, hookimpl

if TYPE_CHECKING:
    from torch import nn


@hookimpl
def zoo_architectures() -> Iterator[Architecture]:
    """Yield small networks."""
    yield Architecture(
        name="linear",
        build=_build_linear,
        summary="softmax regression: one linear layer on the pixels, the baseline to beat",
        family="linear",
        source="Hastie, Tibshirani and Friedman 2009, The Elements of Statistical Learning, section 4.4",
        native_size=32,
        exportable=True,
    )
    yield Architecture(
        name="lenet5",
        build=_build_lenet5,
        summary="LeNet-5 with ReLU and max-pooling, for grey or colour images",
        family="lenet",
        source="LeCun et al. 1998, Gradient-based learning applied to document recognition",
        native_size=32,
        exportable=True,
        min_size=4,
        options={"drop_rate": 0.0},
    )
    yield Architecture(
        name="simple_cnn",
        build=_build_simple_cnn,
        summary="plain CNN of two convolutions and two linear layers",
        family="simple_cnn",
        source="https://github.com/pytorch/examples/tree/main/mnist",
        native_size=28,
        exportable=True,
        min_size=6,
        options={"width": 32, "drop_rate": 0.5},
    )
    yield Architecture(
        name="vgg_small",
        build=_build_vgg_small,
        summary="VGG-style network of six convolutions, with batch normalisation and dropout",
        family="vgg",
        source="arXiv:1409.1556, with batch normalisation of arXiv:1502.03167",
        native_size=32,
        exportable=True,
        options={"width": 32, "drop_rate": 0.4},
    )


def _build_linear(request: ModelRequest) -> nn.Module:
    from torch import nn

    pixels = request.in_channels * request.image_size**2
    return nn.Sequential(nn.Flatten(), nn.Linear(pixels, request.num_classes))


def _build_lenet5(request: ModelRequest) -> nn.Module:
    from plugins.architectures.lenet import LeNet5

    return LeNet5(
        request.num_classes,
        in_channels=request.in_channels,
        image_size=request.image_size,
        drop_rate=share(request.options, "drop_rate"),
    )


def _build_simple_cnn(request: ModelRequest) -> nn.Module:
    from plugins.architectures.simple_cnn import SimpleCNN

    return SimpleCNN(
        request.num_classes,
        in_channels=request.in_channels,
        image_size=request.image_size,
        width=count(request.options, "width"),
        drop_rate=share(request.options, "drop_rate"),
    )


def _build_vgg_small(request: ModelRequest) -> nn.Module:
    from plugins.architectures.vgg import SmallVGG

    return SmallVGG(
        request.num_classes,
        in_channels=request.in_channels,
        image_size=request.image_size,
        width=count(request.options, "width"),
        drop_rate=share(request.options, "drop_rate"),
    )
