"""The speedrun network: whitened patches, convolutions that begin as the identity, and any size of image."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from harness.networks.complexity import count_macs
from plugins.architectures import speedrun
from plugins.architectures.speedrun_net import PatchWhitening, SpeedrunNet
from zoo import ModelRequest
from zoo.errors import UsageError

(ARCHITECTURE,) = speedrun.zoo_architectures()


def build(*, num_classes=10, in_channels=3, image_size=32, **options):
    return ARCHITECTURE.build(
        ModelRequest(
            num_classes=num_classes,
            in_channels=in_channels,
            image_size=image_size,
            options={**ARCHITECTURE.options, **options},
        )
    )


def correlated_images(batch=64, channels=3, side=16):
    """Images whose neighbouring pixels and channels are alike, as in photographs."""
    torch.manual_seed(0)
    coarse_BCHW = torch.randn(batch, channels, side // 4, side // 4) + torch.randn(batch, 1, side // 4, side // 4)
    smooth_BCHW = functional.interpolate(coarse_BCHW, side, mode="bilinear")
    return smooth_BCHW + 0.1 * torch.randn(batch, channels, side, side)


@pytest.mark.parametrize("channels", [1, 3])
def test_whitened_patches_have_the_identity_as_second_moments(channels):
    images_BCHW = correlated_images(channels=channels)
    layer = PatchWhitening(channels)
    layer.fit(images_BCHW, least_variance=0.0)
    with torch.no_grad():
        out_BCHW = layer(images_BCHW)
    half = layer.out_channels // 2
    assert half == 4 * channels
    torch.testing.assert_close(out_BCHW[:, half:], -out_BCHW[:, :half])
    values_PN = out_BCHW[:, :half].permute(1, 0, 2, 3).flatten(1)
    moments_PP = values_PN @ values_PN.mT / values_PN.shape[1]
    torch.testing.assert_close(moments_PP, torch.eye(half), rtol=0, atol=1e-3)


def test_a_direction_without_signal_is_not_blown_up():
    grey_BCHW = correlated_images(channels=1).expand(-1, 3, -1, -1)  # colours are all alike: eight directions of none
    layer = PatchWhitening(3)
    layer.fit(grey_BCHW)
    assert torch.isfinite(layer.weight).all()
    with torch.no_grad():
        out_BCHW = layer(grey_BCHW + 1e-3 * torch.randn(grey_BCHW.shape))
    assert float(out_BCHW.std(dim=(0, 2, 3)).max()) < 1.1


def test_the_whitening_is_kept_and_its_bias_is_trained():
    model = build(width=0.1)
    model.whiten(correlated_images())
    before = model.stem.weight.clone()
    model(correlated_images()).square().sum().backward()
    assert model.stem.weight.grad is None
    assert torch.equal(model.stem.weight, before)
    assert model.stem.bias.grad is not None
    trained = {name for name, parameter in model.named_parameters() if parameter.grad is not None}
    assert trained == {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert not any(name.endswith("norm1.weight") for name in trained)


def test_without_whitening_the_first_layer_is_trained_and_left_as_it_is():
    model = build(width=0.1, whitened=False)
    before = model.stem.weight.clone()
    model.whiten(correlated_images())
    assert torch.equal(model.stem.weight, before)
    assert model.stem.weight.requires_grad


def test_convolutions_begin_by_passing_their_input_on():
    model = build(width=0.5)
    conv = model.groups[0].conv1
    x_BCHW = torch.randn(2, 24, 8, 8)
    with torch.no_grad():
        out_BCHW = conv(x_BCHW)
    torch.testing.assert_close(out_BCHW[:, :24], x_BCHW)
    assert float(out_BCHW[:, 24:].std()) > 0.1


def test_it_takes_as_many_multiply_accumulates_as_it_says():
    with torch.device("meta"):
        assert count_macs(build(), (3, 32, 32)) == 118_147_360
    assert "118 million" in (SpeedrunNet.__doc__ or "")


@pytest.mark.parametrize("in_channels", [1, 3])
@pytest.mark.parametrize("image_size", [2, 3, 8, 9, 15, 28, 32, 33, 64, 224])
def test_any_class_count_and_image_size_from_the_smallest_is_taken(in_channels, image_size):
    for num_classes in (2, 10):
        with torch.device("meta"), torch.no_grad():
            model = build(num_classes=num_classes, in_channels=in_channels, image_size=image_size).eval()
            logits_BK = model(torch.zeros(2, in_channels, image_size, image_size))
        assert logits_BK.shape == (2, num_classes)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_low_precision_gives_nearly_the_same_outputs(dtype):
    torch.manual_seed(0)
    model = build(width=0.25).eval()
    images_BCHW = correlated_images(side=32)
    model.whiten(images_BCHW)
    with torch.no_grad():
        logits_BK = model(images_BCHW)
        with torch.autocast("cpu", dtype):
            low_BK = model(images_BCHW).float()
    assert float((low_BK - logits_BK).abs().max()) < 0.03 * float(logits_BK.abs().max())


def test_the_compiler_takes_it_as_one_graph():
    torch.compiler.reset()
    model = build(width=0.1, image_size=16)
    images_BCHW = correlated_images(8).to(memory_format=torch.channels_last)
    compiled = torch.compile(model, fullgraph=True, backend="eager")  # fails where Python would have to step in
    torch.testing.assert_close(compiled(images_BCHW), model(images_BCHW))
    assert model.groups[0].norm1.num_batches_tracked == 2


@pytest.mark.parametrize("width", [0.0, -1.0, float("inf")])
def test_a_width_out_of_range_is_one_sentence(width):
    with pytest.raises(UsageError, match=r"model\.width must be a number above 0, got "):
        build(width=width)
