"""Channels-last memory: strided 1x1 convolutions of few channels are found, and their gradients are right."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from harness.networks.channels_last import trainable_layout, unsafe_layer

CPU, GPU = torch.device("cpu"), torch.device("cuda")
UNSAFE = {
    "an image": nn.Conv2d(3, 48, 1, stride=2),
    "a grey image": nn.Conv2d(1, 8, 1, stride=2),
    "strided on one side": nn.Conv2d(3, 8, 1, stride=(1, 2)),
    "fewer channels than an AVX-512 register": nn.Conv2d(15, 8, 1, stride=2),
}
SAFE = {
    "a register full of channels": nn.Conv2d(16, 8, 1, stride=2),
    "not strided": nn.Conv2d(3, 8, 1),
    "a larger kernel": nn.Conv2d(3, 8, 3, stride=2),
    "depthwise": nn.Conv2d(3, 3, 1, stride=2, groups=3),
    "not an image": nn.Conv1d(3, 8, 1, stride=2),
}


@pytest.mark.parametrize("layer", UNSAFE.values(), ids=UNSAFE)
def test_an_unsafe_layer_is_named_wherever_it_is(layer: nn.Conv2d) -> None:
    model = nn.Sequential(nn.Identity(), nn.Sequential(layer))
    assert unsafe_layer(model) == "1.0"
    assert trainable_layout("auto", model, CPU) == trainable_layout("channels_last", model, CPU) == "contiguous"
    assert trainable_layout("auto", model, GPU) == "auto"


@pytest.mark.parametrize("layer", SAFE.values(), ids=SAFE)
def test_other_layers_are_trained_as_asked(layer: nn.Module) -> None:
    model = nn.Sequential(layer)
    assert unsafe_layer(model) is None
    assert trainable_layout("auto", model, CPU) == "auto"
    assert trainable_layout("channels_last", model, CPU) == "channels_last"


@pytest.mark.parametrize("layer", [*UNSAFE.values(), *SAFE.values()][:-1], ids=[*UNSAFE, *SAFE][:-1])
def test_weight_gradients_are_right_in_the_layout_that_is_chosen(layer: nn.Conv2d) -> None:
    """The fault that is avoided is reported in https://github.com/uxlfoundation/oneDNN/issues/6035."""
    is_last = trainable_layout("channels_last", layer, CPU) == "channels_last"
    memory_format = torch.channels_last if is_last else torch.contiguous_format
    torch.manual_seed(0)
    images_BCHW = torch.randn(8, layer.in_channels, 16, 16)
    exact = type(layer)(
        layer.in_channels, layer.out_channels, layer.kernel_size, layer.stride, groups=layer.groups, dtype=torch.float64
    )
    exact.load_state_dict(layer.state_dict())
    (exact(images_BCHW.double()) ** 2).sum().backward()
    layer.zero_grad()
    layer.to(memory_format=memory_format)
    (layer(images_BCHW.contiguous(memory_format=memory_format)) ** 2).sum().backward()
    torch.testing.assert_close(layer.weight.grad.double(), exact.weight.grad, rtol=1e-4, atol=1e-2)
