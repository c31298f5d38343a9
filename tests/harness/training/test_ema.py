"""Averaged weights."""

from __future__ import annotations

import torch
from torch import nn

from harness.training.ema import ModelEma


def test_the_average_follows_its_definition_for_parameters_and_buffers():
    net = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    ema = ModelEma(net, decay=0.8)
    expected = {name: value.clone() for name, value in net.state_dict().items()}
    for step in range(1, 41):
        net(torch.randn(4, 3))  # moves the buffers
        with torch.no_grad():
            net[0].weight.add_(torch.randn(2, 3))
        ema.update()
        decay = min(0.8, (1 + step) / (10 + step))
        for name, value in net.state_dict().items():
            is_float = value.is_floating_point()
            expected[name] = decay * expected[name] + (1 - decay) * value if is_float else value.clone()
    for name, value in ema.averages.items():
        torch.testing.assert_close(value, expected[name])
    assert int(ema.averages["1.num_batches_tracked"]) == 40


def test_the_models_own_weights_come_back_even_after_an_error():
    net = nn.Linear(2, 2)
    ema = ModelEma(net, decay=0.5)
    with torch.no_grad():
        net.weight.add_(1)
    own = net.weight.detach().clone()
    try:
        with ema.in_model():
            assert torch.equal(net.weight, ema.averages["weight"])
            raise KeyError
    except KeyError:
        pass
    assert torch.equal(net.weight, own)
