"""Unused weights: a weight that no gradient reaches is found, and finding it changes nothing."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from harness.training.distributed.unused_parameters import leaves_weights_unused

CPU = torch.device("cpu")
IMAGES_BCHW = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))


class WithSpare(nn.Module):
    """A network with a layer that only prediction uses."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net, self.spare = net, nn.Linear(4, 4)

    def forward(self, images_BCHW):
        logits_BK = self.net(images_BCHW)
        return logits_BK if self.training else self.spare(logits_BK)


def test_a_weight_without_gradient_is_found_unless_it_is_frozen(make_net):
    assert not leaves_weights_unused(make_net(), IMAGES_BCHW, CPU)
    net = WithSpare(make_net())
    assert leaves_weights_unused(net, IMAGES_BCHW, CPU)
    net.spare.requires_grad_(False)
    assert not leaves_weights_unused(net, IMAGES_BCHW, CPU)


def test_the_network_and_the_generators_are_left_as_they_were(make_net, weights):
    net = make_net().eval()
    net.conv.train()
    before, random_state = weights(net), torch.get_rng_state()
    leaves_weights_unused(net, IMAGES_BCHW, CPU)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random_state)
    assert [net.training, net.conv.training, net.norm.training] == [False, True, False]
    assert all(parameter.grad is None for parameter in net.parameters())


@pytest.mark.parametrize("output", ["logits", torch.zeros(2, 4)], ids=["no tensor", "no gradient"])
def test_a_network_that_cannot_be_trained_is_reported_by_the_training(make_net, output, monkeypatch):
    net = make_net()
    monkeypatch.setattr(net, "forward", lambda images_BCHW: output)
    assert not leaves_weights_unused(net, IMAGES_BCHW, CPU)
