"""Networks of several seeds as one."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from harness.training.seeds.dropout import SeedGenerators
from harness.training.seeds.network import SeedNetworks, stacked


def together(networks):
    generators = SeedGenerators(range(len(networks)), torch.device("cpu"), torch.contiguous_format)
    generators.start_epoch(1)
    return SeedNetworks(networks, generators)


def test_each_network_answers_its_own_images(make_net):
    networks = [make_net(seed, dropout=0.0).eval() for seed in range(3)]
    images = torch.rand(3, 5, 3, 8, 8)
    expected = [net(images_BCHW) for net, images_BCHW in zip(networks, images, strict=True)]
    whole = together(networks).eval()
    for found, logits in zip(whole(images), expected, strict=True):
        torch.testing.assert_close(found, logits)


def test_running_statistics_are_those_of_each_network(make_net):
    networks, alone = ([make_net(seed, dropout=0.0).train() for seed in range(2)] for _ in range(2))
    images = torch.rand(2, 5, 3, 8, 8)
    together(networks).train()(images)
    for net, other, images_BCHW in zip(networks, alone, images, strict=True):
        other(images_BCHW)
        torch.testing.assert_close(dict(net.named_buffers()), dict(other.named_buffers()))
        assert net.norm.num_batches_tracked == 1


def test_the_given_networks_see_every_change(make_net):
    networks = [make_net(seed) for seed in range(2)]
    before = [{name: value.clone() for name, value in net.state_dict().items()} for net in networks]
    whole = together(networks)
    assert list(dict(whole.stacked.named_parameters())) == list(dict(networks[0].named_parameters()))
    for net, values in zip(networks, before, strict=True):
        torch.testing.assert_close(dict(net.state_dict()), values, rtol=0, atol=0)
    with torch.no_grad():
        whole.stacked.head.weight[1].fill_(7)
    assert (networks[1].head.weight == 7).all()
    assert torch.equal(networks[0].head.weight, before[0]["head.weight"])


def test_tied_weights_stay_tied():
    def make():
        net = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
        net[1].weight = net[0].weight
        return net

    networks = [make(), make()]
    whole = together(networks)
    assert whole.stacked[0].weight is whole.stacked[1].weight
    assert networks[0][0].weight is networks[0][1].weight
    whole(torch.rand(2, 3, 4)).sum().backward()
    assert whole.stacked[0].weight.grad.shape == (2, 4, 4)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_parts_of_a_stack_have_the_strides_of_what_was_stacked(memory_format):
    tensors = [torch.rand(4, 3, 2, 2).contiguous(memory_format=memory_format) for _ in range(3)]
    whole = stacked(tensors)
    assert [part.stride() for part in whole] == [tensor.stride() for tensor in tensors]
    assert all(map(torch.equal, whole, tensors))


def test_numbers_are_stacked_too():
    assert stacked([torch.tensor(3), torch.tensor(4)]).tolist() == [3, 4]
