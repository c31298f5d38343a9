"""Wide ResNets: depth as the paper counts it, and shortcuts that project the normalised input."""

from __future__ import annotations

import pytest
import torch

from plugins.architectures.wide_resnet import WideBlock, WideResNet


@pytest.mark.parametrize(("depth", "blocks"), [(10, 3), (16, 6), (28, 12)])
def test_depth_counts_convolutions_as_the_paper_does(depth, blocks):
    with torch.device("meta"):
        model = WideResNet(depth, 1, 10)
    assert len(model.blocks) == blocks
    # All but the three projections, and with the linear layer.
    convolutions = [name for name, each in model.named_modules() if isinstance(each, torch.nn.Conv2d)]
    assert len([name for name in convolutions if "projection" not in name]) + 1 + 2 == depth


@pytest.mark.parametrize("depth", [4, 5, 20])
def test_a_depth_that_is_not_6n_plus_4_is_refused(depth):
    with pytest.raises(ValueError, match=rf"6n\+4 with n of at least 1, got {depth}"):
        WideResNet(depth, 1, 10)


def test_a_block_of_the_same_shape_adds_to_its_input_and_one_of_another_to_the_projection():
    x_BCHW = torch.randn(2, 4, 8, 8)
    for channels, stride in ((4, 1), (6, 2)):
        block = WideBlock(4, channels, stride, drop_rate=0.0).eval()
        torch.nn.init.zeros_(block.conv2.weight)
        with torch.no_grad():
            expected_BCHW = x_BCHW if block.projection is None else block.projection(block.bn1(x_BCHW).relu())
            torch.testing.assert_close(block(x_BCHW), expected_BCHW)
        assert (block.projection is None) == (channels == 4)


def test_dropout_is_inside_the_blocks(build):
    drops = [each.p for each in build("wrn16_4_cifar", drop_rate=0.3).modules() if isinstance(each, torch.nn.Dropout)]
    assert drops == [0.3] * 6
