"""The engine and a bare loop that does the same work by hand, to be timed in turns.

Images are random, 32×32 pixels, in batches of 128, padded, cropped and flipped; SGD with momentum, channels last, on
the CPU. Shape suffixes: N images, B batch, C channels, H height, W width.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from harness.batches.forward_settings import ForwardSettings
from harness.data.images import PreparedData, TrialImages
from harness.training.loop import train
from harness.training.resolved_recipe import ResolvedRecipe
from zoo import Architecture, Hyperparameters, ModelRequest, Recipe

BATCH, PADDING, SIDE = 128, 4, 32
HP = Hyperparameters(
    epochs=1, batch_size=BATCH, lr=0.001, momentum=0.9, weight_decay=5e-4, crop_padding=PADDING / SIDE, flip=True
)


def build(architecture: Architecture) -> nn.Module:
    """Return a new network, the same each time."""
    torch.manual_seed(0)
    request = ModelRequest(num_classes=10, in_channels=3, image_size=SIDE, options=dict(architecture.options))
    model: nn.Module = architecture.build(request)
    return model.to(memory_format=torch.channels_last)


def random_images(folder: Path, num_train: int) -> PreparedData:
    """Write a dataset of random images into *folder*."""
    rng = np.random.default_rng(0)
    for split, count in (("train", num_train), ("val", 16), ("test", 16)):
        np.save(folder / f"{split}-images.npy", rng.integers(0, 256, (count, SIDE, SIDE, 3), dtype=np.uint8))
        np.save(folder / f"{split}-labels.npy", rng.integers(0, 10, count))
        np.save(folder / f"{split}-samples.npy", np.arange(count, dtype=np.uint64))
    return PreparedData(
        folder=str(folder),
        fingerprint="f" * 64,
        classes=tuple("0123456789"),
        image_size=SIDE,
        channels=3,
        mean=(0.5,) * 3,
        std=(0.25,) * 3,
        mirror_symmetric=True,
        num_train=num_train,
        num_val=16,
        num_test=16,
    )


def engine(model: nn.Module, prepared: PreparedData) -> Callable[[], float]:
    """Return a function that trains for an epoch as a trial does, and returns the images per second."""
    resolved = ResolvedRecipe(recipe=Recipe(name="plain", hyperparameters=lambda: HP), hp=HP)
    settings = ForwardSettings(device=torch.device("cpu"), normalization=prepared, channels_last=True)
    return lambda: train(model, TrialImages(prepared), resolved, settings, seed=0).images_per_second[0]


def bare_loop(model: nn.Module, prepared: PreparedData) -> Callable[[], float]:
    """Return the same for what a careful engineer would write for one network."""
    images = prepared.load("train")
    images_NCHW = torch.from_numpy(np.array(images.images_NHWC)).permute(0, 3, 1, 2).contiguous()
    labels_N = torch.from_numpy(np.array(images.labels_N))
    optimizer = torch.optim.SGD(model.parameters(), HP.lr, HP.momentum, weight_decay=HP.weight_decay, fused=True)
    side = torch.arange(SIDE)

    def epoch() -> float:
        model.train()
        start = time.perf_counter()
        for indices_B in torch.randperm(len(labels_N)).split(BATCH):
            batch = len(indices_B)
            x_BCHW = functional.pad((images_NCHW[indices_B].float() - 127.5) / 63.75, (PADDING,) * 4, mode="reflect")
            rows_BH = side + torch.randint(0, 2 * PADDING + 1, (batch, 1))
            columns_W = torch.where(torch.rand(batch, 1) < 0.5, side.flip(0), side)
            columns_BW = columns_W + torch.randint(0, 2 * PADDING + 1, (batch, 1))
            x_BHWC = x_BCHW[torch.arange(batch)[:, None, None], :, rows_BH[:, :, None], columns_BW[:, None, :]]
            x_BCHW = x_BHWC.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)
            optimizer.zero_grad(set_to_none=True)
            functional.cross_entropy(model(x_BCHW), labels_N[indices_B]).backward()
            optimizer.step()
        return len(labels_N) / (time.perf_counter() - start)

    return epoch
