"""Heads: found in networks of any origin."""

from __future__ import annotations

import pytest
from torch import nn

from harness.faults.errors import TrialError
from harness.networks.heads import find_head, freeze_all_but, set_train_mode


@pytest.mark.parametrize("name", ["resnet18", "vit_tiny_patch16_224", "efficientnet_b0", "densenet121", "vgg11_bn"])
def test_the_head_of_timms_networks_gives_their_logits(name):
    import timm

    (head,) = find_head(timm.create_model(name, num_classes=7))
    assert head.out_features == 7


@pytest.mark.parametrize("name", ["resnet18", "vit_b_32", "vgg11_bn", "mobilenet_v3_small", "swin_t", "squeezenet1_1"])
def test_the_head_of_torchvisions_networks_gives_their_logits(name):
    import torch
    import torchvision

    with torch.device("meta"):
        (head,) = find_head(torchvision.models.get_model(name, num_classes=7))
    assert 7 in (getattr(head, "out_features", None), getattr(head, "out_channels", None))


def test_any_other_networks_head_is_its_last_linear_layer():
    net = nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    assert find_head(net) == (net[3],)


def test_a_network_without_a_linear_layer_has_no_head():
    with pytest.raises(TrialError, match="no linear layer that could be its head"):
        find_head(nn.Sequential(nn.Conv2d(3, 2, 1)))


def test_a_frozen_backbone_is_in_eval_mode_and_learns_nothing():
    net = nn.Sequential(nn.Conv2d(3, 2, 1), nn.BatchNorm2d(2), nn.Dropout(), nn.Flatten(), nn.Linear(2, 2))
    head = find_head(net)
    freeze_all_but(net, head)
    set_train_mode(net, head)
    assert [part.training for part in net] == [False, False, False, False, True]
    assert {name for name, p in net.named_parameters() if p.requires_grad} == {"4.weight", "4.bias"}
    set_train_mode(net, None)
    assert all(part.training for part in net)
