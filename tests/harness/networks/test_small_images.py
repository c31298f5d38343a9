"""The small-image adaptation: first strides go, blocks stay coherent, nothing else changes."""

from __future__ import annotations

import copy
import time

import pytest
import timm
import torch
import torchvision
from torch import nn

from harness.faults.errors import TrialError
from harness.networks.complexity import count_macs, meta_copy
from harness.networks.small_images import adapt_small_images

AUXILIARY_OFF = {"aux_logits": False, "init_weights": True}


def on_meta(name, **arguments):
    if name.startswith("torchvision/regnet"):  # its builder computes with tensors
        return meta_copy(torchvision.models.get_model(name.removeprefix("torchvision/")))
    with torch.device("meta"):
        if name.startswith("torchvision/"):
            return torchvision.models.get_model(name.removeprefix("torchvision/"), **arguments)
        return timm.create_model(name, **arguments)


def adapted_layers(lines):
    return [line.partition(":")[0] for line in lines]


def last_map_side(model, size, layer):
    sides = []
    handle = model.get_submodule(layer).register_forward_hook(lambda *call: sides.append(call[2].shape[-1]))
    with torch.no_grad():
        model.eval()(torch.zeros(1, 3, size, size, device="meta"))
    handle.remove()
    return sides[-1]


def test_resnet18_at_32_pixels_loses_the_strides_of_its_stem():
    model = on_meta("resnet18")
    lines = adapt_small_images(model, image_size=32, in_channels=3)
    assert lines == ("conv1: stride 2 → 1", "maxpool: stride 2 → 1")
    assert last_map_side(model, 32, "layer4") == 4


def test_resnet18_at_8_pixels_also_loses_those_of_two_blocks_with_their_shortcuts():
    model = on_meta("resnet18")
    lines = adapt_small_images(model, image_size=8, in_channels=3)
    blocks = ["layer2.0.conv1", "layer2.0.downsample.0", "layer3.0.conv1", "layer3.0.downsample.0"]
    assert adapted_layers(lines) == ["conv1", "maxpool", *blocks]
    assert last_map_side(model, 8, "layer4") == 4


def test_a_larger_last_map_can_be_asked_for():
    model = on_meta("resnet18")
    adapt_small_images(model, image_size=32, in_channels=3, min_feature_size=8)
    assert last_map_side(model, 32, "layer4") == 8


def test_images_of_native_size_change_nothing():
    assert adapt_small_images(on_meta("resnet18"), image_size=224, in_channels=3) == ()


def test_a_stride_of_four_goes_only_as_far_as_needed():
    assert adapt_small_images(on_meta("convnext_atto"), image_size=64, in_channels=3) == (
        "stem.0: stride 4 → 2, padding 0 → 1",
    )
    model = on_meta("convnext_atto")
    assert adapt_small_images(model, image_size=32, in_channels=3) == ("stem.0: stride 4 → 1, padding 0 → 1 and 2",)
    assert last_map_side(model, 32, "stem.0") == 32
    assert last_map_side(model, 32, "stages.3") == 4


def test_pooling_without_overlap_becomes_the_identity():
    model = on_meta("vgg11")
    lines = adapt_small_images(model, image_size=32, in_channels=3)
    assert lines == ("features.2: stride 2 → 1, kernel 2 → 1", "features.5: stride 2 → 1, kernel 2 → 1")
    x_BCHW = torch.rand(1, 2, 5, 5)
    assert torch.equal(model.features[2](x_BCHW), x_BCHW)


def test_blur_pooling_is_a_stride_too():
    lines = adapt_small_images(on_meta("resnetblur50"), image_size=8, in_channels=3)
    assert "layer2.0.aa" in adapted_layers(lines)
    assert "layer2.0.downsample.0" in adapted_layers(lines)


# Last feature map at 32 pixels, by the layer that makes it.
MAPS = {
    "resnet50": "layer4",
    "resnetv2_50": "stages",
    "efficientnet_b0": "blocks",
    "tf_efficientnet_b0": "blocks",
    "tf_mixnet_s": "blocks",
    "mobilenetv3_small_050": "blocks",
    "regnety_002": "s4",
    "densenet121": "features",
    "convnext_atto": "stages",
    "vgg11_bn": "features",
    "repvgg_a0": "stages",
    "dla34": "level5",
    "dpn48b": "features",
    "ghostnet_050": "blocks",
    "hgnetv2_b0": "stages",
    "seresnext26d_32x4d": "layer4",
    "resnest14d": "layer4",
    "skresnet18": "layer4",
    "cspresnet50": "stages",
    "ese_vovnet19b_slim": "stages",
    "xception41": "blocks",
    "torchvision/resnet18": "layer4",
    "torchvision/alexnet": "features",
    "torchvision/densenet121": "features",
    "torchvision/efficientnet_b0": "features",
    "torchvision/mnasnet0_5": "layers",
    "torchvision/mobilenet_v2": "features",
    "torchvision/mobilenet_v3_small": "features",
    "torchvision/regnet_y_400mf": "trunk_output",
    "torchvision/shufflenet_v2_x0_5": "conv5",
    "torchvision/squeezenet1_1": "features",
    "torchvision/vgg11": "features",
    "torchvision/convnext_tiny": "features",
}


QUICK = (
    "resnet50", "resnetv2_50", "efficientnet_b0", "tf_mixnet_s", "regnety_002", "convnext_atto", "vgg11_bn", "dpn48b",
    "ghostnet_050", "torchvision/resnet18", "torchvision/mobilenet_v3_small", "torchvision/squeezenet1_1",
)  # fmt: skip
"""One for each way of halving maps; the others are of like families."""


@pytest.mark.parametrize("name", [pytest.param(each, marks=() if each in QUICK else pytest.mark.slow) for each in MAPS])
def test_at_32_pixels_the_last_map_is_at_least_four_and_less_than_twice_that_by_need(name):
    model = on_meta(name)
    shapes = {key: value.shape for key, value in model.state_dict().items()}
    lines = adapt_small_images(model, image_size=32, in_channels=3)
    assert lines
    assert 4 <= last_map_side(model, 32, MAPS[name]) < 8
    assert {key: value.shape for key, value in model.state_dict().items()} == shapes
    with torch.no_grad():
        assert model.eval()(torch.zeros(2, 3, 32, 32, device="meta")).shape == (2, 1000)


@pytest.mark.parametrize("name", ["torchvision/googlenet", "torchvision/inception_v3", "inception_v4"])
def test_inceptions_at_32_pixels_get_through(name):
    model = on_meta(name, **(AUXILIARY_OFF if name.startswith("torchvision/") else {}))
    assert adapt_small_images(model, image_size=32, in_channels=3)
    assert count_macs(model, (3, 32, 32))


@pytest.mark.slow
def test_reduction_cells_of_many_branches_change_as_one():
    """NASNet's cells join up to ten strided branches, and the cell after each takes part as well."""
    model = on_meta("nasnetalarge")
    lines = adapt_small_images(model, image_size=8, in_channels=3)
    assert {layer.partition(".")[0] for layer in adapted_layers(lines)} >= {"cell_stem_0", "cell_stem_1", "cell_0"}
    assert count_macs(model, (3, 8, 8))


def test_weights_statistics_modes_and_the_random_state_stay():
    torch.manual_seed(0)
    model = timm.create_model("test_resnet", in_chans=1)
    model.bn1.eval()
    before = copy.deepcopy(model.state_dict())
    modes = [module.training for module in model.modules()]
    state = torch.random.get_rng_state()
    assert adapt_small_images(model, image_size=16, in_channels=1)
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    assert [module.training for module in model.modules()] == modes
    assert torch.equal(state, torch.random.get_rng_state())
    assert not any(module._forward_hooks for module in model.modules())


def test_an_adapted_network_trains():
    torch.manual_seed(0)
    model = timm.create_model("test_convnext", in_chans=1, num_classes=4)
    adapt_small_images(model, image_size=8, in_channels=1)
    nn.functional.cross_entropy(model(torch.randn(4, 1, 8, 8)), torch.arange(4)).backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_an_adapted_network_can_be_copied_with_its_padding():
    torch.manual_seed(0)
    model = timm.create_model("test_convnext").eval()
    adapt_small_images(model, image_size=32, in_channels=3)
    images_BCHW = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(copy.deepcopy(model)(images_BCHW), model(images_BCHW))


def test_the_same_model_is_adapted_in_the_same_way():
    first, second = (adapt_small_images(on_meta("resnet50"), image_size=16, in_channels=3) for _ in range(2))
    assert first == second


class Residual(nn.Module):
    """One strided convolution with a shortcut that the test chooses, then a mean and a linear layer."""

    def __init__(self, shortcut):
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.conv = nn.Conv2d(4, 4, 3, stride=2, padding=1)
        self.shortcut = shortcut
        self.fc = nn.Linear(4, 5)

    def forward(self, images_BCHW):
        x_BCHW = self.stem(images_BCHW)
        return self.fc((self.conv(x_BCHW) + self.shortcut(x_BCHW)).mean(dim=(2, 3)))


class FixedHalving(nn.Module):
    def forward(self, x_BCHW):
        return x_BCHW[:, :, ::2, ::2]


def test_a_block_whose_shortcut_cannot_change_is_left_whole():
    """A map of one pixel would be broadcast onto one of two, and nobody would notice."""
    model = Residual(FixedHalving())
    assert adapt_small_images(model, image_size=4, in_channels=3) == (
        "stem: stride 2 → 1",
        "the last feature map stays 2 × 2",
    )
    assert model.conv.stride == (2, 2)


def test_a_block_whose_shortcut_is_strided_changes_with_it():
    model = Residual(nn.AvgPool2d(2))
    lines = adapt_small_images(model, image_size=4, in_channels=3)
    assert lines == ("stem: stride 2 → 1", "conv: stride 2 → 1", "shortcut: stride 2 → 1, kernel 2 → 1")


def test_a_network_that_needs_values_is_adapted_on_its_own_device():
    class NeedsValues(nn.Sequential):
        def forward(self, images_BCHW):
            return super().forward(images_BCHW) * float(self[0].weight.mean())

    model = NeedsValues(nn.Conv2d(1, 2, 3, stride=2, padding=1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    assert adapt_small_images(model, image_size=4, in_channels=1) == ("0: stride 2 → 1",)


def test_a_network_without_strides_is_left_alone():
    model = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    assert adapt_small_images(model, image_size=2, in_channels=1) == ()


def test_images_that_are_too_small_even_then_are_one_sentence():
    with pytest.raises(TrialError, match="does not take images of 8 × 8 pixels, even with its first strides reduced: "):
        adapt_small_images(on_meta("inception_v3"), image_size=8, in_channels=3)


def test_a_network_that_fails_at_every_size_is_one_sentence():
    with pytest.raises(TrialError, match="cannot be adapted to small images: "):
        adapt_small_images(nn.Sequential(nn.Flatten(), nn.Linear(7, 2)), image_size=8, in_channels=1)


def test_adapting_takes_seconds_not_minutes():
    start = time.monotonic()
    adapt_small_images(on_meta("hrnet_w18_small"), image_size=32, in_channels=3)
    assert time.monotonic() - start < 60
