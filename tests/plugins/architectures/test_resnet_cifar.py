"""CIFAR ResNets: shortcuts of both kinds, and stages that halve the map and double the channels."""

from __future__ import annotations

import torch

from plugins.architectures.resnet_cifar import BasicBlock, CifarResNet, PaddedShortcut, ProjectedShortcut


def test_padded_shortcuts_keep_every_second_pixel_between_zeros():
    x_BCHW = torch.arange(2 * 4 * 4, dtype=torch.float32).reshape(1, 2, 4, 4)
    y_BCHW = PaddedShortcut(2)(x_BCHW)
    assert y_BCHW.shape == (1, 4, 2, 2)
    assert torch.equal(y_BCHW[:, 1:3], x_BCHW[:, :, ::2, ::2])
    assert not y_BCHW[:, [0, 3]].any()


def test_a_block_with_silent_convolutions_is_its_shortcut():
    block = BasicBlock(4, 4, 1, torch.nn.Identity()).eval()
    torch.nn.init.zeros_(block.conv2.weight)
    x_BCHW = torch.randn(2, 4, 8, 8)
    with torch.no_grad():
        assert torch.equal(block(x_BCHW), x_BCHW.relu())


def test_each_stage_but_the_first_halves_the_map_and_doubles_the_channels():
    model, shapes = CifarResNet((1, 1, 1), 10, width=16), []
    for stage in model.stages:
        stage.register_forward_hook(lambda stage, x, out: shapes.append(tuple(out.shape[1:])))
    with torch.no_grad():
        model(torch.zeros(2, 3, 32, 32))
    assert shapes == [(16, 32, 32), (32, 16, 16), (64, 8, 8)]


def test_projection_is_used_where_the_shape_changes_and_nowhere_else():
    model = CifarResNet((2, 2, 2), 10, projection=True)
    kinds = [type(block.shortcut) for stage in model.stages for block in stage]
    identity = torch.nn.Identity
    assert kinds == [identity, identity, ProjectedShortcut, identity, ProjectedShortcut, identity]
