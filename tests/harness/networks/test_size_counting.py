"""Sizes of architectures, counted without weights."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from torch import nn

from harness.networks.size_counting import CountedSize, size_of
from zoo import Architecture, Catalog, ModelRequest
from zoo.loading import Sources


@pytest.mark.parametrize(
    ("name", "num_classes", "size"),
    [
        ("linear", 10, CountedSize(3 * 32 * 32 * 10 + 10, 3 * 32 * 32 * 10)),
        ("resnet20_cifar", 10, CountedSize(269_722, 40_551_040)),
        ("resnet18", 1000, CountedSize(11_689_512, 1_814_073_344)),  # as timm and the paper state them
    ],
)
def test_networks_have_their_known_sizes(name: str, num_classes: int, size: CountedSize, catalog: Catalog) -> None:
    record = catalog.architectures.get(name).record
    if name == "linear":
        side = max(record.native_size, record.min_size)
        size = CountedSize(3 * side * side * 10 + 10, 3 * side * side * 10)
    assert size_of(record, num_classes) == size


def test_counting_draws_no_random_numbers(catalog: Catalog) -> None:
    before = torch.random.get_rng_state()
    size_of(catalog.architectures.get("resnet20_cifar").record, 10)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_network_that_cannot_be_built_has_no_size() -> None:
    def build(request: object) -> nn.Module:
        raise RuntimeError("no")

    assert size_of(Architecture(name="no", build=build), 10) == CountedSize(None, None, "RuntimeError: no")


def test_a_network_whose_widths_are_computed_with_tensors_is_counted_without_its_weights() -> None:
    built: list[nn.Module] = []

    def build(request: ModelRequest) -> nn.Module:
        (width,) = (torch.arange(2) * 8).tolist()[1:]  # the meta device has no values
        net = nn.Sequential(nn.Conv2d(3, width, 3, bias=False), nn.BatchNorm2d(width), nn.AdaptiveAvgPool2d(1))
        built.append(nn.Sequential(net, nn.Flatten(), nn.Linear(width, request.num_classes)))
        return built[0]

    register = nn.Module.register_parameter
    size = size_of(Architecture(name="computed", build=build, native_size=32), 10)
    assert size == CountedSize(3 * 8 * 9 + 2 * 8 + 8 * 10 + 10, 30 * 30 * 3 * 8 * 9 + 8 * 10)
    assert {each.device.type for each in built[0].parameters()} == {"meta"}
    assert nn.Module.register_parameter is register


def test_regnets_of_torchvision_have_their_known_size(catalog: Catalog) -> None:
    record = catalog.architectures.get("torchvision/regnet_y_400mf").record
    size = size_of(record, 1000)
    # torchvision publishes 4,344,144 parameters, and 0.402 billion operations of additions and biases as well.
    assert (size.params, size.macs) == (4_344_144, pytest.approx(0.402e9, rel=0.01))


def test_the_process_names_each_network_before_it_counts_it(tmp_path: Path) -> None:
    sources = Sources(entry_points=False)
    job = json.dumps({"sources": asdict(sources), "models": [["zoo/lenet5", 10]]})
    done = subprocess.run(
        [sys.executable, "-m", "harness.networks.size_counting"],
        input=job,
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    first, second = map(json.loads, done.stdout.splitlines())
    assert first == ["zoo/lenet5"]
    assert second[0] == "zoo/lenet5"
    assert second[1] > 0
