"""The plugin. It imports timm and torch only when the network is built."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from zoo import Architecture, ModelRequest, Preparation, hookimpl

if TYPE_CHECKING:
    from torch import nn


def build_lite0(request: ModelRequest) -> nn.Module:
    """Build EfficientNet-Lite0, with published weights if requested.

    With published weights and 1,000 classes, the head is that of ImageNet; otherwise it is new.
    """
    import timm

    model: nn.Module = timm.create_model(
        "tf_efficientnet_lite0",
        num_classes=request.num_classes,
        in_chans=request.in_channels,
        drop_rate=float(request.options["drop_rate"] or 0),
    )
    if request.pretrained:
        from zoo_efficientnet_lite.weights import load_weights

        load_weights(model)
    return model


def preparation(options: Mapping[str, object]) -> Preparation:
    """Return what the weights were published with: 224 pixels of 256, bicubic, and pixels from -1 to 1."""
    return Preparation(
        size=224, fit="crop", crop_share=0.875, interpolation="bicubic", mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)
    )


@hookimpl
def zoo_architectures() -> Iterator[Architecture]:
    yield Architecture(
        name="efficientnet_lite0",
        build=build_lite0,
        summary="224 px, ImageNet weights from a package, without downloads at run time",
        family="efficientnet",
        source="https://arxiv.org/abs/1905.11946",
        native_size=224,
        min_size=8,
        adapts_small_images=True,
        has_pretrained=True,
        preparation=preparation,
        options={"drop_rate": 0.0},
        preload=("torch", "timm"),
    )
