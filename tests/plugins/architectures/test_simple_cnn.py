"""The simple CNN has the layers of PyTorch's MNIST example, for any size of image."""

from __future__ import annotations

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
