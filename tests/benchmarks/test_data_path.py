"""The data path alone: augmented, normalised batches per second, beside PIL transforms in torch's DataLoader.

Both crop after reflect padding, flip and normalise the same 10,000 images, each with a draw of its own, in turn within
one run. The DataLoader is measured without workers and with two that stay alive between epochs; each path is held to
the median of its rounds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from PIL import Image
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from harness.batches.augmentation import augment
from harness.batches.device_images import DeviceImages, batch_sizes, epoch_order
from harness.batches.normalization import Normalization, Normalizer
from harness.data.images import ImageSet
from harness.randomness import make_generator
from zoo.hyperparameters import Hyperparameters

NUM_IMAGES, SIZE, BATCH = 10_000, 32, 128
PADDING = 4
ROUNDS = 9
LEAST_RATIO = 20.0
STATISTICS = Normalization(mean=(0.491, 0.482, 0.447), std=(0.247, 0.243, 0.262))
CPU = torch.device("cpu")


class PilImages(Dataset[tuple[Tensor, int]]):
    """Images as folders of files give them once they are decoded: a PIL image each, transformed one by one."""

    def __init__(self, images_NHWC: np.ndarray, labels_N: np.ndarray) -> None:
        from torchvision import transforms

        self.images = [Image.fromarray(image_HWC) for image_HWC in images_NHWC]
        self.labels = labels_N.tolist()
        self.transform = transforms.Compose(
            [
                transforms.RandomCrop(SIZE, padding=PADDING, padding_mode="reflect"),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize(STATISTICS.mean, STATISTICS.std),
            ]
        )

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(self.images[index]), self.labels[index]


@pytest.fixture
def images() -> ImageSet:
    rng = np.random.default_rng(0)
    return ImageSet(
        images_NHWC=rng.integers(0, 256, (NUM_IMAGES, SIZE, SIZE, 3), dtype=np.uint8),
        labels_N=rng.integers(0, 10, NUM_IMAGES),
        samples_N=np.arange(NUM_IMAGES, dtype=np.uint64),
    )


def zoo_epoch(data: DeviceImages, labels_N: np.ndarray, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
    """The batches of an epoch as the training step gets them."""
    hp = Hyperparameters(epochs=1, lr=0.1, crop_padding=PADDING / SIZE, flip=True)
    normalize = Normalizer(STATISTICS, CPU, channels_last=True)
    fill_C = torch.zeros(3, dtype=torch.uint8)
    generator = make_generator(CPU, 0, "augmentation", epoch)
    order_N = epoch_order(labels_N, "shuffle", seed=0, epoch=epoch)
    for images_BCHW, labels_B in data.batches(order_N, batch_sizes(NUM_IMAGES, BATCH)):
        yield normalize(augment(images_BCHW, generator, hp, may_flip=True, fill_C=fill_C)), labels_B


def drain(batches: Iterator[tuple[Tensor, Tensor]]) -> float:
    """Return the seconds that all batches take."""
    start = time.perf_counter()
    count = sum(len(labels_B) for _, labels_B in batches)
    seconds = time.perf_counter() - start
    assert count == NUM_IMAGES
    return seconds


def test_augmented_batches_come_twenty_times_as_fast_as_from_pil_transforms(
    benchmark: BenchmarkFixture, images: ImageSet
) -> None:
    data = DeviceImages(images, CPU)
    pil = PilImages(images.images_NHWC, images.labels_N)
    loaders = {
        workers: DataLoader(pil, BATCH, shuffle=True, num_workers=workers, persistent_workers=workers > 0)
        for workers in (0, 2)
    }
    paths: dict[str, Callable[[int], Iterator[tuple[Tensor, Tensor]]]] = {
        "zoo": lambda epoch: zoo_epoch(data, images.labels_N, epoch),
        "pil, no workers": lambda epoch: iter(loaders[0]),
        "pil, 2 workers": lambda epoch: iter(loaders[2]),
    }
    for make in paths.values():  # warm: processes started, memory touched
        drain(make(0))
    seconds: dict[str, list[float]] = {name: [] for name in paths}
    if benchmark.enabled:
        for epoch in range(1, ROUNDS + 1):
            for name, make in paths.items():
                seconds[name].append(drain(make(epoch)))
    epochs = iter(range(1, 10**6))
    benchmark.pedantic(lambda: drain(paths["zoo"](next(epochs))), rounds=ROUNDS)
    if not benchmark.enabled:
        return
    # The fastest epochs: other work and page faults only ever add time, and most to the path that takes least.
    rates = {name: NUM_IMAGES / min(each) for name, each in seconds.items()}
    ratios = {name: rates["zoo"] / rates[name] for name in paths if name != "zoo"}
    benchmark.extra_info.update(images_per_second=rates, ratios=ratios)
    told = ", ".join(f"{name}: {rate:,.0f} images/s" for name, rate in rates.items())
    print(f"\n{told}; ratios {', '.join(f'{ratio:.1f}' for ratio in ratios.values())}")
    assert ratios["pil, no workers"] >= LEAST_RATIO, told
