"""Samples: images that can be learnt, and a network that a seed determines."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from zoo.testing.samples import NUM_CLASSES, NUM_IMAGES, noise, sample_images, sample_net


def test_the_nearest_class_mean_classifies_all_images() -> None:
    with sample_images(size=8) as images:
        folder = Path(images.prepared.folder)
        pixels_NHWC = np.load(folder / "train-images.npy").astype(float)
        labels_N = np.load(folder / "train-labels.npy")
    assert pixels_NHWC.shape == (NUM_IMAGES, 8, 8, 3)
    flat = pixels_NHWC.reshape(NUM_IMAGES, -1)
    means = np.stack([flat[labels_N == k].mean(axis=0) for k in range(NUM_CLASSES)])
    nearest = ((flat[:, None] - means) ** 2).sum(axis=2).argmin(axis=1)
    assert (nearest == labels_N).all()


def test_a_seed_determines_network_and_noise() -> None:
    first, second, other = (sample_net(seed).head.weight for seed in (0, 0, 1))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
    assert torch.equal(noise(2, 3, 4, seed=5), noise(2, 3, 4, seed=5))
    assert noise(2, 3, 4).shape == (2, 3, 4, 4)
