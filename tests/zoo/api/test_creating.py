"""Creating: networks and datasets by name, with the defaults of their options."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import zoo
from harness.networks.building import build_model
from zoo.architecture import ModelRequest


def test_a_network_is_that_of_a_trial_with_its_seed(catalog: zoo.Catalog) -> None:
    before = torch.get_rng_state()
    net = zoo.create_model("resnet20_cifar", num_classes=7, image_size=32, seed=3)
    assert torch.equal(torch.get_rng_state(), before)
    architecture = catalog.architectures.get("resnet20_cifar").record
    request = ModelRequest(num_classes=7, image_size=32, options=dict(architecture.options))
    expected, _ = build_model(architecture, request, seed=3, adapt=False)
    for (name, one), other in zip(net.state_dict().items(), expected.state_dict().values(), strict=True):
        assert torch.equal(one, other), name
    assert net(torch.zeros(2, 3, 32, 32)).shape == (2, 7)
    assert net.training


def test_a_small_image_reduces_first_strides_as_in_a_bench() -> None:
    net = zoo.create_model("torchvision/resnet18", image_size=32)
    assert net.conv1.stride == (1, 1)
    assert zoo.create_model("torchvision/resnet18").conv1.stride == (2, 2)


@pytest.mark.parametrize(
    ("name", "given", "sentence"),
    [
        ("resnet20_cifr", {}, "no model is called 'resnet20_cifr'; did you mean"),
        ("lenet5", {"image_size": 2}, "takes images of at least"),
        ("lenet5", {"pretrained": True}, "has no published weights"),
        ("lenet5", {"depth": 3}, "depth"),
    ],
)
def test_a_mistake_is_a_sentence(name: str, given: dict, sentence: str) -> None:
    with pytest.raises(zoo.errors.UsageError, match=sentence):
        zoo.create_model(name, **given)


def test_a_dataset_is_loaded_with_its_argument_and_options(tmp_path: Path) -> None:
    from PIL import Image

    for split, label, count in (("train", "a", 2), ("train", "b", 2), ("test", "a", 1), ("test", "b", 1)):
        folder = tmp_path / split / label
        folder.mkdir(parents=True)
        for number in range(count):
            Image.new("RGB", (4, 4), (number, 0, 0)).save(folder / f"{number}.png")
    splits = zoo.load_dataset(f"folder:{tmp_path}")
    assert splits.classes == ("a", "b")
    assert (len(splits.train), len(splits.test or ())) == (4, 2)
    with pytest.raises(zoo.errors.UsageError, match="no dataset is called 'foldr'"):
        zoo.load_dataset("foldr:x")
    with pytest.raises(zoo.errors.UsageError, match="needs an argument"):
        zoo.load_dataset("folder")


def test_names_are_those_that_a_bench_takes() -> None:
    names = zoo.list_models("resnet*_cifar")
    assert names.index("resnet20_cifar") < names.index("resnet110_cifar")
    assert "torchvision/resnet18" in zoo.list_models("torchvision/resnet*")
    pretrained = zoo.list_models("resnet18", "lenet5", pretrained=True)
    assert pretrained == ["resnet18"]
    assert {"digits", "cifar10"} <= set(zoo.list_datasets())
    assert "sgd_quick" in zoo.list_recipes("sgd*")
    assert zoo.list_models("nothing*") == []
