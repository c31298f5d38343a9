"""The hot paths, on whichever torch is installed: augmenting, training and predicting a batch of small images.

``tox -e bench211,bench215`` keeps their times in ``runs/benchmarks``, one file for each torch, and
``tox -e benchcompare`` holds these together. They have no limit of their own: only a comparison says something.
"""

from __future__ import annotations

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch import nn

from harness.batches.augmentation import augment
from zoo import Catalog, Hyperparameters, ModelRequest

BATCH = 128
NETWORKS = ("simple_cnn", "resnet20_cifar")


@pytest.fixture(name="images_BCHW")
def _images() -> torch.Tensor:
    return torch.rand(BATCH, 3, 32, 32, generator=torch.Generator().manual_seed(0)).contiguous(
        memory_format=torch.channels_last
    )


def build(catalog: Catalog, name: str) -> nn.Module:
    architecture = catalog.architectures.get(name).record
    request = ModelRequest(num_classes=10, in_channels=3, image_size=32, options=architecture.options)
    network: nn.Module = architecture.build(request)
    return network.to(memory_format=torch.channels_last)


@pytest.mark.parametrize(
    "hyperparameters",
    [{"crop_padding": 0.125, "flip": True, "cutout": 0.25}, {"randaugment_ops": 2, "flip": True}],
    ids=["crop, flip and cutout", "RandAugment"],
)
def test_augmenting_a_batch(benchmark: BenchmarkFixture, images_BCHW: torch.Tensor, hyperparameters: dict) -> None:
    hp = Hyperparameters(epochs=1, **hyperparameters)
    generator = torch.Generator().manual_seed(0)
    fill_C = torch.zeros(3)
    augmented_BCHW = benchmark(lambda: augment(images_BCHW, generator, hp, may_flip=True, fill_C=fill_C))
    assert augmented_BCHW.shape == images_BCHW.shape


@pytest.mark.parametrize("name", NETWORKS)
def test_training_on_a_batch(
    benchmark: BenchmarkFixture, catalog: Catalog, images_BCHW: torch.Tensor, name: str
) -> None:
    network = build(catalog, name).train()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9)
    labels_B = torch.arange(BATCH) % 10

    def step() -> torch.Tensor:
        optimizer.zero_grad(set_to_none=True)
        loss = nn.functional.cross_entropy(network(images_BCHW), labels_B)
        loss.backward()
        optimizer.step()
        return loss.detach()

    assert benchmark(step).isfinite()


@pytest.mark.parametrize("name", NETWORKS)
def test_predicting_a_batch(
    benchmark: BenchmarkFixture, catalog: Catalog, images_BCHW: torch.Tensor, name: str
) -> None:
    network = build(catalog, name).eval()
    with torch.inference_mode():
        assert benchmark(lambda: network(images_BCHW)).shape == (BATCH, 10)
