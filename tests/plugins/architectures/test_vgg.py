"""VGGs: as many convolutions as their names say, and maps that small images survive."""

from __future__ import annotations

import pytest
import torch

from plugins.architectures.vgg import VGG, SmallVGG


@pytest.mark.parametrize("depth", [11, 13, 16, 19])
def test_vggs_have_as_many_weight_layers_as_their_names_say_less_two_linear_ones(build, depth):
    with torch.device("meta"):
        model = build(f"vgg{depth}_bn_cifar")
    convolutions = [each for each in model.modules() if isinstance(each, torch.nn.Conv2d)]
    assert len(convolutions) == depth - 3


def test_vgg_small_has_six_convolutions_batch_norm_and_dropout(build):
    with torch.device("meta"):
        kinds = [type(each).__name__ for each in build("vgg_small").modules()]
    assert (kinds.count("Conv2d"), kinds.count("BatchNorm2d"), kinds.count("Dropout")) == (6, 6, 2)


@pytest.mark.parametrize(("image_size", "side"), [(1, 1), (8, 1), (31, 1), (32, 1), (33, 2), (64, 2)])
def test_five_poolings_round_up(image_size, side):
    features = VGG(11, 10, width=1).features
    with torch.no_grad():
        assert features(torch.zeros(2, 3, image_size, image_size)).shape[2:] == (side, side)


@pytest.mark.parametrize(("image_size", "grid"), [(8, 1), (28, 4), (32, 4), (224, 4)])
def test_the_linear_layers_of_the_small_vgg_stop_growing_at_32_pixels(image_size, grid):
    assert SmallVGG(10, image_size=image_size).fc1.in_features == 128 * grid**2
