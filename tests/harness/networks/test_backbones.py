"""Backbones: what a head gets is found in any network, and a fitted head makes one network with it."""

from __future__ import annotations

import pytest
import timm
import torch
import torchvision
from torch import Tensor, nn

from harness.faults.errors import TrialError
from harness.networks.backbones import (
    FittedNetwork,
    empty_fitted,
    feature_layer,
    fill_heads,
    hash_of_weights,
    take_head,
    takes_linear_head,
    with_fitted_head,
)
from harness.networks.heads import find_head


def images(size: int = 64, channels: int = 3) -> Tensor:
    return torch.randn(2, channels, size, size, generator=torch.Generator().manual_seed(1))


def input_of_head(model: nn.Module, images_BCHW: Tensor) -> Tensor:
    """What the first head gets in a whole forward pass."""
    caught: list[Tensor] = []
    hook = find_head(model)[0].register_forward_hook(lambda module, args, output: caught.append(args[0]))
    with torch.inference_mode():
        model.eval()(images_BCHW)
    hook.remove()
    return caught[0]


class Convolutional(nn.Module):
    """Ends like SqueezeNet: the classifier is a convolution, after which come a ReLU and the pooling."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Conv2d(3, 8, 3)
        self.classifier = nn.Sequential(nn.Conv2d(8, 5, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1))

    def forward(self, images_BCHW: Tensor) -> Tensor:
        return self.classifier(self.body(images_BCHW).relu()).flatten(1)


FAMILIES = {
    "resnet18": ("fc", 512),
    "mobilenetv3_small_050": ("classifier", 1024),
    "vit_tiny_patch16_224": ("head", 192),
    "convnext_atto": ("head.fc", 320),
    "swin_tiny_patch4_window7_224": ("head.fc", 768),
    "deit_tiny_distilled_patch16_224": ("head and head_dist", 192),
    "mixer_s32_224": ("head", 512),
    "regnetx_002": ("head.fc", 368),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_features_are_what_the_head_of_a_timm_network_gets(name: str) -> None:
    layer, num_features = FAMILIES[name]
    torch.manual_seed(0)
    model = timm.create_model(name, num_classes=5).eval()
    size = model.default_cfg["input_size"][-1]
    seen_BCHW = images(size)
    caught_BD = input_of_head(model, seen_BCHW)
    assert takes_linear_head(model, seen_BCHW, 5)
    backbone = take_head(model)
    with torch.inference_mode():
        features_BD = backbone.pooled(seen_BCHW)
    assert (backbone.layer, features_BD.shape[1]) == (layer, num_features)
    if len(backbone.heads) == 1:
        torch.testing.assert_close(features_BD, caught_BD, rtol=1e-5, atol=1e-6)


POOLED = {
    "resnet18": ("layer4", 512),
    "vit_tiny_patch16_224": ("norm", 192),
    "swin_tiny_patch4_window7_224": ("norm", 768),
}


@pytest.mark.parametrize("name", POOLED)
def test_features_may_be_the_last_map_or_tokens_of_a_timm_network(name: str) -> None:
    torch.manual_seed(0)
    model = timm.create_model(name, num_classes=5).eval()
    seen_BCHW = images(model.default_cfg["input_size"][-1])
    layer = feature_layer(model, "pooled", seen_BCHW)
    with torch.inference_mode():
        whole_BD = model.forward_features(seen_BCHW)
        features_BD = take_head(model, layer).pooled(seen_BCHW)
    assert (layer, features_BD.shape[1]) == POOLED[name]
    if whole_BD.ndim == 3:
        expected_BD = whole_BD[:, model.num_prefix_tokens :].mean(dim=1)
    else:
        expected_BD = whole_BD.mean(dim=(1, 2) if whole_BD.shape[-1] == features_BD.shape[1] else (2, 3))
    torch.testing.assert_close(features_BD, expected_BD, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "asked", "layer", "width"),
    [
        ("vgg11", "pooled", "avgpool", 512),
        ("resnet18", "layer3", "layer3", 256),
        ("mobilenet_v3_small", "pooled", "features", 576),
    ],
)
def test_features_may_come_from_a_layer_of_a_torchvision_network(name: str, asked: str, layer: str, width: int) -> None:
    torch.manual_seed(0)
    model = torchvision.models.get_model(name, num_classes=5).eval()
    seen_BCHW = images(64)
    assert feature_layer(model, asked, seen_BCHW) == layer
    backbone = take_head(model, layer)
    with torch.inference_mode():
        assert backbone.pooled(seen_BCHW).shape == (2, width)
    assert backbone.layer == f"output of {layer}"


def test_the_head_itself_is_no_other_layer_and_a_wrong_name_is_one_sentence() -> None:
    model = Convolutional()
    assert feature_layer(model, "head", images(8)) == ""
    with pytest.raises(
        TrialError, match="Convolutional has no layer 'bdy'; expected head, pooled or a layer such as body"
    ):
        feature_layer(model, "bdy", images(8))
    with pytest.raises(TrialError, match="has no layer with maps or tokens before its head"):
        feature_layer(nn.Sequential(nn.Flatten(), nn.Linear(192, 5)), "pooled", images(8))


@pytest.mark.parametrize(
    ("name", "own"), [("resnet18", True), ("mobilenet_v2", True), ("squeezenet1_1", False), ("densenet121", True)]
)
def test_a_fitted_head_is_put_into_networks_of_torchvision(name: str, own: bool) -> None:
    torch.manual_seed(0)
    model = torchvision.models.get_model(name, num_classes=5).eval()
    names = set(model.state_dict())
    assert takes_linear_head(model, images(), 5) is own
    backbone = take_head(model)
    with torch.inference_mode():
        features_BD = backbone.pooled(images())
        head = nn.Linear(features_BD.shape[1], 5)
        expected_BK = head(features_BD)
        whole = with_fitted_head(backbone, head, own=own).eval()
        torch.testing.assert_close(whole(images()), expected_BK, rtol=1e-5, atol=1e-5)
    assert (set(whole.state_dict()) == names) is own


def test_a_head_that_something_follows_is_told_apart() -> None:
    model = Convolutional()
    assert not takes_linear_head(model, images(16), 5)
    backbone = take_head(model)
    assert backbone.layer == "classifier.0"
    with torch.inference_mode():
        features_BD = backbone.pooled(images(16))
        expected_BD = model.body(images(16)).relu().mean(dim=(2, 3))
    torch.testing.assert_close(features_BD, expected_BD)


def test_taking_the_head_out_and_putting_it_back_changes_nothing() -> None:
    model = timm.create_model("resnet10t", num_classes=5).eval()
    with torch.inference_mode():
        before_BK = model(images())
        backbone = take_head(model)
        assert backbone.pooled(images()).shape == (2, 512)
        assert torch.equal(backbone.put_back()(images()), before_BK)


def test_a_network_that_is_only_a_head_is_refused() -> None:
    with pytest.raises(TrialError, match="a head without a backbone"):
        take_head(nn.Linear(4, 2))


def test_heads_on_different_features_are_refused_in_one_sentence() -> None:
    """timm's EfficientViM sums the logits of a head for each stage: "'Identity' object is not iterable"."""
    model = timm.create_model("efficientvim_m1", num_classes=3)
    assert [head.out_features for head in find_head(model)] == [3] * 4
    with pytest.raises(TrialError, match=r"^EfficientViM has 4 heads on features of different sizes \([0-9, ]+\), "):
        take_head(model)


def test_the_hash_of_weights_changes_with_each_tensor_but_those_of_the_head() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2))
    head = find_head(model)
    first = hash_of_weights(model, without=head)
    assert first == hash_of_weights(model, without=head)
    fill_heads(head, torch.ones(2, 4), torch.ones(2))
    assert first == hash_of_weights(model, without=head)
    with torch.no_grad():
        model[1].running_mean[3] += 1e-6
    assert first != hash_of_weights(model, without=head)


def test_a_new_head_is_made_empty_and_filled() -> None:
    torch.manual_seed(0)
    whole = FittedNetwork(take_head(Convolutional()).pooled, nn.Linear(8, 3)).eval()
    tensors = whole.state_dict()
    torch.manual_seed(1)
    again = empty_fitted(Convolutional(), tensors, None).eval()
    again.load_state_dict(tensors)
    with torch.inference_mode():
        assert torch.equal(again(images(16)), whole(images(16)))


def test_the_head_computes_in_float32_under_autocast() -> None:
    whole = FittedNetwork(take_head(Convolutional()).pooled, nn.Linear(8, 3)).eval()
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        assert whole(images(16)).dtype == torch.float32
