"""Strided layers: which there are, and that a halved stride keeps the map's size up to the stride."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from harness.networks.strides import StrideSetting, described, halved_settings, is_strided, largest, strided_layers


def test_the_innermost_layers_with_a_stride_are_named():
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3, stride=2), nn.Sequential(nn.Conv2d(4, 4, 3), nn.MaxPool2d(2)), nn.AvgPool2d(3, stride=1)
    )
    assert strided_layers(model) == ["0", "1.1"]


@pytest.mark.parametrize(
    ("layer", "is_so"), [(nn.Conv2d(1, 1, 3, stride=2), True), (nn.Conv2d(1, 1, 3), False), (nn.Linear(2, 2), False)]
)
def test_a_layer_is_strided_if_its_stride_is_above_one(layer, is_so):
    assert is_strided(layer) == is_so


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(1, 1, 7, stride=2, padding=3),
        nn.Conv2d(1, 1, 4, stride=4),
        nn.Conv2d(1, 1, 3, stride=2),
        nn.MaxPool2d(3, stride=2, padding=1),
        nn.MaxPool2d(2),
    ],
    ids=str,
)
def test_one_of_the_settings_gives_a_map_of_side_over_stride(layer):
    before = StrideSetting.of(layer)
    sides = {}
    for setting in halved_settings(layer):
        setting.apply(layer)
        sides[layer(torch.zeros(1, 1, 16, 16)).shape[-1]] = largest(setting.stride)
    assert set(sides.values()) == {largest(before.stride) // 2}
    assert 16 // (largest(before.stride) // 2) in sides


def test_a_setting_can_be_taken_back_with_its_padding():
    layer = nn.Conv2d(1, 1, 4, stride=4)
    before = StrideSetting.of(layer)
    for setting in halved_settings(layer):
        setting.apply(layer)
        before.apply(layer)
        assert StrideSetting.of(layer) == before
        assert layer(torch.zeros(1, 1, 16, 16)).shape[-1] == 4


def test_a_change_is_described_by_what_is_different():
    before = StrideSetting(stride=(4, 4), kernel_size=(4, 4), padding=(0, 0))
    assert described("stem", before, StrideSetting(stride=2, kernel_size=4, padding=0)) == "stem: stride 4 → 2"
    padded = StrideSetting(stride=2, kernel_size=3, padding=1)
    assert described("stem", before, padded) == "stem: stride 4 → 2, kernel 4 → 3, padding 0 → 1"
    extra = StrideSetting(stride=1, kernel_size=4, padding=0, extra=(1, 2, 1, 2))
    assert described("", before, extra) == "the network: stride 4 → 1, padding 0 → 1 and 2"
