"""Our own networks, small ones included: any number of classes, channels and pixels, and the sizes of their papers."""

from __future__ import annotations

import itertools

import pytest
import torch

from plugins.architectures import cifar_nets, small_cnns

NETWORKS = {each.name: each for module in (small_cnns, cifar_nets) for each in module.zoo_architectures()}

# Parameters with 10 classes and 3 channels at native size, and the statement that each is held against.
PARAMETERS = {
    "lenet5": 62_006,  # 61,706 with one channel (LeCun et al. 1998 with full connection), and 6 × 2 × 25 more
    "resnet20_cifar": 269_722,  # 0.27 M, arXiv:1512.03385, table 6
    "resnet32_cifar": 464_154,  # 0.46 M, same table
    "resnet44_cifar": 658_586,  # 0.66 M, same table
    "resnet56_cifar": 853_018,  # 0.85 M, same table
    "resnet110_cifar": 1_727_962,  # 1.7 M, same table
    "resnet18_cifar": 11_173_962,  # ImageNet's 11,689,512 less a 7×7 stem for 3×3 and 990 classes
    "wrn16_4_cifar": 2_748_890,  # 2.7 M, arXiv:1605.07146, table 5
    "wrn28_10_cifar": 36_479_194,  # 36.5 M, same paper, table 4
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameter_counts_are_those_of_the_papers(name, num_parameters):
    assert num_parameters(name) == PARAMETERS[name]


@pytest.mark.parametrize("in_channels", [1, 3])
@pytest.mark.parametrize("name", NETWORKS)
def test_any_class_count_and_image_size_from_the_smallest_is_taken(name, in_channels, build):
    smallest = NETWORKS[name].min_size
    assert smallest <= 8
    sizes = sorted({smallest, 8, 9, 15, 28, 32, 33, 64, 224})
    # Two numbers of classes in turns, and both at the smallest size: what one changes does not depend on the other.
    for image_size, num_classes in [(smallest, 10), *zip(sizes, itertools.cycle((2, 10)), strict=False)]:
        with torch.device("meta"), torch.no_grad():
            model = build(name, num_classes=num_classes, in_channels=in_channels, image_size=image_size).eval()
            logits_BK = model(torch.zeros(2, in_channels, image_size, image_size))
        assert logits_BK.shape == (2, num_classes)


@pytest.mark.parametrize("name", ["lenet5", "simple_cnn", "vgg_small", "resnet20_cifar", "vgg11_bn_cifar"])
def test_the_same_seed_makes_the_same_network_and_another_seed_another(name, build):
    def logits(seed):
        torch.manual_seed(seed)
        model = build(name, in_channels=1, image_size=8).eval()
        with torch.no_grad():
            return model(torch.linspace(-1, 1, 128).reshape(2, 1, 8, 8))

    assert torch.equal(logits(0), logits(0))
    assert not torch.equal(logits(0), logits(1))
    assert torch.isfinite(logits(0)).all()


@pytest.mark.parametrize("name", ["lenet5", "simple_cnn", "vgg_small", "resnet20_cifar", "wrn16_4_cifar"])
def test_a_few_steps_fit_a_batch_of_8_pixel_images(name, build):
    torch.manual_seed(0)
    model = build(name, in_channels=1, image_size=8, drop_rate=0.0)
    images_BCHW, labels_B = torch.randn(8, 1, 8, 8), torch.arange(8)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    losses = []
    for _ in range(40):
        loss = torch.nn.functional.cross_entropy(model(images_BCHW), labels_B)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert all(parameter.grad is not None for parameter in model.parameters())
    assert losses[-1] < 0.2 < losses[0]


def test_width_scales_the_network(num_parameters):
    assert num_parameters("resnet20_cifar", width=32) > 3 * num_parameters("resnet20_cifar")
