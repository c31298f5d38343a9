"""Layer decay: the head learns at the full rate, and each layer before it at a constant share of the next one's."""

from __future__ import annotations

import pytest
import timm
from torch import nn

from harness.training.layer_decay import NUM_GROUPS, layer_scales


def test_timms_layers_are_its_blocks() -> None:
    model = timm.create_model("vit_tiny_patch16_224", num_classes=3, depth=4, embed_dim=24, num_heads=3)
    scales = layer_scales(model, 0.5)
    assert set(scales) == {name for name, _ in model.named_parameters()}
    assert scales["head.weight"] == scales["head.bias"] == 1
    blocks = [scales[f"blocks.{number}.attn.qkv.weight"] for number in range(4)]
    assert blocks == pytest.approx([blocks[3] / 8, blocks[3] / 4, blocks[3] / 2, blocks[3]])
    assert scales["patch_embed.proj.weight"] == pytest.approx(blocks[0] / 2)


def test_other_networks_are_divided_in_order() -> None:
    layers = [nn.Linear(4, 4) for _ in range(24)]
    scales = layer_scales(nn.Sequential(*layers, nn.Linear(4, 2)), 0.9)
    values = [scales[f"{number}.weight"] for number in range(25)]
    assert values[-1] == 1
    assert values == sorted(values)
    assert len(set(values)) == NUM_GROUPS + 1
    assert values[0] == pytest.approx(0.9**NUM_GROUPS)


def test_a_network_that_is_its_head_learns_at_the_full_rate() -> None:
    assert layer_scales(nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), 0.5) == {"1.weight": 1, "1.bias": 1}
