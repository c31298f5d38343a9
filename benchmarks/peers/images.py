"""Images: the same CIFAR-10 images for every trainer, as an array, and as a dataset of PIL images."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torchvision import transforms

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
PADDING = 4


def load_images(count: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return the first *count* training images ``[N, 32, 32, 3]`` and their labels, from ``$ZOO_DATA``."""
    from harness.data.image_files.decoding import decode
    from zoo.dataset import DataRequest
    from zoo.finding import Sources
    from zoo.loading import build_catalog
    from zoo.preparation import Preparation

    dataset = build_catalog(Sources()).datasets.get("cifar10").record
    root = Path(os.environ["ZOO_DATA"])
    splits = dataset.load(
        DataRequest(root=root, argument="", options={}, download=False, report=lambda message, share: None)
    )
    train = splits.train
    if train.images is not None:
        images_NHWC = np.asarray(train.images[:count])
    else:
        how = Preparation(size=32)
        images_NHWC = np.stack([decode(train.encoded[index], channels=3, preparation=how) for index in range(count)])
    return images_NHWC, np.asarray(train.labels[:count], dtype=np.int64)


def pil_transforms(*, to_tensor: bool = True) -> transforms.Compose:
    """Return the usual crop and flip, image by image, then a normalised tensor if asked for."""
    steps = [transforms.RandomCrop(32, padding=PADDING, padding_mode="reflect"), transforms.RandomHorizontalFlip()]
    if to_tensor:
        steps += [transforms.ToTensor(), transforms.Normalize(MEAN, STD)]
    return transforms.Compose(steps)


class PilImages(torch.utils.data.Dataset):
    """A map-style dataset of PIL images that lie decoded in memory."""

    def __init__(self, images_NHWC: NDArray[np.uint8], labels_N: NDArray[np.int64], transform: object = None) -> None:
        self.images_NHWC, self.labels_N, self.transform = images_NHWC, labels_N, transform

    def __len__(self) -> int:
        return len(self.labels_N)

    def __getitem__(self, index: int) -> tuple[object, int]:
        image = Image.fromarray(self.images_NHWC[index])
        return self.transform(image) if self.transform else image, int(self.labels_N[index])
