"""Samples: small images, a network and prepared data, so that a check takes seconds.

Shape suffixes: N images, B batch, C channels, H height, W width, K classes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from harness.data.images import PreparedData, TrialImages
from zoo.features import FeatureSet

NUM_IMAGES = 64
NUM_CLASSES = 4


class SampleNet(nn.Module):
    """A network with a convolution, batch normalisation, dropout and a head, which recipes may handle differently."""

    def __init__(self, *, channels: int = 3, num_classes: int = NUM_CLASSES, width: int = 16) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, width, 3, stride=2, padding=1)
        self.norm = nn.BatchNorm2d(width)
        self.dropout = nn.Dropout(0.1)
        self.head = nn.Linear(width * 16, num_classes)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        features_BCHW = nn.functional.adaptive_avg_pool2d(self.norm(self.conv(images_BCHW)).relu(), 4)
        logits_BK: Tensor = self.head(self.dropout(features_BCHW.flatten(1)))
        return logits_BK


def sample_net(seed: int) -> SampleNet:
    """Return a sample network, initialised from *seed*."""
    torch.manual_seed(seed)
    return SampleNet()


def noise(batch: int, channels: int, size: int, *, seed: int = 0) -> Tensor:
    """Return normalised images ``[B, C, H, W]`` of noise."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, channels, size, size, generator=generator)


def sample_features() -> FeatureSet:
    """Return features of 64 images of 4 classes that are easy to tell apart; validation images are the same."""
    rng = np.random.default_rng(7)
    labels_N = np.arange(NUM_IMAGES, dtype=np.int64) % NUM_CLASSES
    means_KD = rng.normal(0, 3, (NUM_CLASSES, 24))
    features_ND = (means_KD[labels_N] + rng.normal(0, 1, (NUM_IMAGES, 24))).astype(np.float32)
    return FeatureSet(
        train_ND=features_ND,
        train_labels_N=labels_N,
        val_ND=features_ND.copy(),
        val_labels_N=labels_N.copy(),
        num_classes=NUM_CLASSES,
    )


@contextmanager
def sample_images(*, size: int = 8, channels: int = 3, num_val: int | None = None) -> Iterator[TrialImages]:
    """Create 64 training images of 4 classes, each with its own pattern under noise, as in the cache.

    Args:
        size: Side in pixels.
        channels: 1 or 3.
        num_val: Number of validation images; None: the training images, so that the validation accuracy measures
            memorisation.
    """
    rng = np.random.default_rng(7)
    # Patterns of a few large patches survive a crop, and both convolutions and linear layers can learn them.
    coarse = rng.choice([50.0, 205.0], (NUM_CLASSES, 4, 4, channels))
    repeat = -(-size // 4)
    patterns_KHWC = np.kron(coarse, np.ones((1, repeat, repeat, 1)))[:, :size, :size]

    def draw(count: int) -> tuple[np.ndarray, np.ndarray]:
        labels_N = np.arange(count) % NUM_CLASSES
        images_NHWC = patterns_KHWC[labels_N] + rng.normal(0, 25, (count, size, size, channels))
        return images_NHWC.clip(0, 255).astype(np.uint8), labels_N.astype(np.int64)

    with tempfile.TemporaryDirectory(prefix="zoo-kit-") as folder:
        train = draw(NUM_IMAGES)
        val = train if num_val is None else draw(num_val)
        for name, (images_NHWC, labels_N) in {"train": train, "val": val, "test": val}.items():
            np.save(Path(folder) / f"{name}-images.npy", images_NHWC)
            np.save(Path(folder) / f"{name}-labels.npy", labels_N)
            np.save(Path(folder) / f"{name}-samples.npy", np.arange(len(labels_N), dtype=np.uint64))
        prepared = PreparedData(
            folder=folder,
            fingerprint="0" * 64,
            classes=tuple(f"class {k}" for k in range(NUM_CLASSES)),
            image_size=size,
            channels=channels,
            mean=(0.5,) * channels,
            std=(0.25,) * channels,
            mirror_symmetric=False,
            num_train=len(train[1]),
            num_val=len(val[1]),
            num_test=len(val[1]),
        )
        yield TrialImages(prepared)
