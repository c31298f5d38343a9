"""Networks that lack the layer that features are asked of, found without weights or computing."""

from __future__ import annotations

from typing import Any

from harness.networks.layer_names import missing_layers


def network(name: str, layer: str, size: int | None = None) -> dict[str, Any]:
    return {"architecture": name, "options": {}, "image_size": size, "layer": layer}


def test_a_network_without_the_layer_is_told_with_near_names_and_others_are_not() -> None:
    asked = [
        network("timm/resnet18", "layer3"),
        network("timm/resnet18", "layer33", size=64),
        network("torchvision/resnet18", "layer4.1.relu"),
        network("torchvision/vit_b_16", "layer3"),
    ]
    has, near, also_has, other = missing_layers({"entry_points": False}, asked)
    assert has == also_has == ""
    assert near.startswith("ResNet has no layer 'layer33'; expected head, pooled or a layer such as layer3")
    assert other.startswith("VisionTransformer has no layer 'layer3'; expected head, pooled or a layer such as ")


def test_a_network_that_cannot_be_built_is_left_to_its_trial() -> None:
    assert missing_layers({"entry_points": False}, [network("timm/crossvit_9_240", "x", size=8)]) == [""]
