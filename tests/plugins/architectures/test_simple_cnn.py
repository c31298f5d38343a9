"""The simple CNN has the layers of PyTorch's MNIST example, for any size of image."""

from __future__ import annotations

import pytest
import torch

from plugins.architectures.simple_cnn import SimpleCNN


def test_it_has_the_parameters_of_its_source_on_mnist(num_parameters):
    first, second, third, fourth = 32 * 10, 64 * (32 * 9 + 1), 128 * (64 * 12 * 12 + 1), 10 * 129
    assert num_parameters("simple_cnn", in_channels=1, image_size=28) == first + second + third + fourth


def test_its_linear_layers_stop_growing_at_28_pixels():
    features = [SimpleCNN(10, image_size=size).fc1.in_features for size in (6, 8, 28, 64, 224)]
    assert features == [64 * side**2 for side in (1, 2, 12, 12, 12)]


def test_dropout_is_half_as_strong_before_the_first_linear_layer_and_off_in_eval_mode():
    model = SimpleCNN(10, image_size=8, drop_rate=0.5)
    assert (model.dropout1.p, model.dropout2.p) == (0.25, 0.5)
    images_BCHW = torch.randn(2, 3, 8, 8)
    assert torch.equal(model.eval()(images_BCHW), model(images_BCHW))
    assert not torch.equal(model.train()(images_BCHW), model(images_BCHW))


@pytest.mark.parametrize("image_size", [28, 32])
def test_relu_after_pooling_has_the_bits_of_relu_before_it(image_size):
    """The order of the example's layers, written out: the same logits and the same gradients."""
    images_BCHW = torch.randn(8, 3, image_size, image_size, generator=torch.Generator().manual_seed(0))
    model = SimpleCNN(10, image_size=image_size, drop_rate=0.0)
    x_BCHW = model.pool(torch.relu(model.conv2(torch.relu(model.conv1(images_BCHW)))))
    x_BF = torch.nn.functional.adaptive_avg_pool2d(x_BCHW, 12).flatten(1)
    expected_BK = model.fc2(torch.relu(model.fc1(x_BF)))
    expected = torch.autograd.grad(expected_BK.square().sum(), list(model.parameters()))
    logits_BK = model(images_BCHW)
    gradients = torch.autograd.grad(logits_BK.square().sum(), list(model.parameters()))
    assert torch.equal(logits_BK, expected_BK)
    assert all(torch.equal(gradient, right) for gradient, right in zip(gradients, expected, strict=True))
