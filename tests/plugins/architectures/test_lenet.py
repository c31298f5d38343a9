"""LeNet-5 has the layers of its paper at 32 pixels, and adapts to other sizes."""

from __future__ import annotations

import pytest
import torch

from plugins.architectures.lenet import LeNet5


def test_at_32_pixels_it_has_the_maps_of_the_paper():
    model, maps = LeNet5(10, in_channels=1), []
    for layer in (model.conv1, model.conv2, model.resize):
        layer.register_forward_hook(lambda layer, images, out: maps.append(tuple(out.shape[1:])))
    with torch.no_grad():
        model(torch.zeros(1, 1, 32, 32))
    assert maps == [(6, 28, 28), (16, 10, 10), (16, 5, 5)]
    assert [layer.out_features for layer in (model.fc1, model.fc2, model.fc3)] == [120, 84, 10]


@pytest.mark.parametrize(("image_size", "padding"), [(28, (2, 0)), (16, (2, 2)), (32, (0, 0)), (4, (2, 2))])
def test_small_images_are_padded(image_size, padding):
    model = LeNet5(10, image_size=image_size)
    assert (model.conv1.padding[0], model.conv2.padding[0]) == padding


def test_larger_images_do_not_enlarge_the_linear_layers():
    assert LeNet5(10, image_size=224).fc1.in_features == LeNet5(10, image_size=32).fc1.in_features == 16 * 5 * 5


@pytest.mark.parametrize("image_size", [28, 32])
def test_relu_after_pooling_has_the_bits_of_relu_before_it(image_size):
    """The order of the paper's layers, written out: the same logits and the same gradients."""
    images_BCHW = torch.randn(8, 3, image_size, image_size, generator=torch.Generator().manual_seed(0))
    model = LeNet5(10, image_size=image_size)
    x_BCHW = model.pool(torch.relu(model.conv1(images_BCHW)))
    x_BCHW = model.pool(torch.relu(model.conv2(x_BCHW)))
    x_BF = torch.nn.functional.adaptive_avg_pool2d(x_BCHW, 5).flatten(1)
    expected_BK = model.fc3(torch.relu(model.fc2(torch.relu(model.fc1(x_BF)))))
    expected = torch.autograd.grad(expected_BK.square().sum(), list(model.parameters()))
    logits_BK = model(images_BCHW)
    gradients = torch.autograd.grad(logits_BK.square().sum(), list(model.parameters()))
    assert torch.equal(logits_BK, expected_BK)
    assert all(torch.equal(gradient, right) for gradient, right in zip(gradients, expected, strict=True))
