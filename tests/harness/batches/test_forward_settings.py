"""Forward settings: they place networks and images alike, and refuse what does not go together."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from harness.batches.forward_settings import ForwardSettings, set_memory_format
from harness.batches.normalization import Normalization

STATISTICS = Normalization(mean=(0.5,) * 3, std=(0.25,) * 3)


@pytest.mark.parametrize("channels_last", [True, False])
def test_weights_and_images_share_a_memory_format(channels_last):
    settings = ForwardSettings(device=torch.device("cpu"), normalization=STATISTICS, channels_last=channels_last)
    model = nn.Conv2d(3, 4, 3)
    settings.place(model)
    images_BCHW = settings.normalizer()(torch.zeros(2, 3, 8, 8, dtype=torch.uint8))
    for values in (model.weight, images_BCHW):
        assert values.is_contiguous(memory_format=settings.memory_format)
    assert model.weight.is_contiguous(memory_format=torch.channels_last) == channels_last
    assert torch.equal(images_BCHW, torch.full((2, 3, 8, 8), -2.0))


@pytest.mark.parametrize("memory_format", [torch.channels_last, torch.contiguous_format])
def test_a_network_with_3d_convolutions_has_its_2d_ones_in_the_memory_format(memory_format):
    """timm's lambda_resnet26t: "required rank 4 tensor to use channels_last format"."""
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv3d(1, 4, (1, 3, 3)))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    set_memory_format(model, memory_format)
    assert model[0].weight.is_contiguous(memory_format=memory_format)
    assert model[2].weight.is_contiguous()
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    model[0](torch.zeros(2, 3, 8, 8)).sum().backward()
    assert model[0].weight.grad is not None


def test_a_network_moves_to_the_device():
    model = nn.Linear(2, 2)
    ForwardSettings(device=torch.device("meta"), normalization=STATISTICS).place(model)
    assert model.weight.device.type == "meta"


def test_graphs_without_a_compiler_are_refused():
    with pytest.raises(ValueError, match="only compiled networks are recorded as CUDA graphs"):
        ForwardSettings(device=torch.device("cpu"), normalization=STATISTICS, graphs=True)
