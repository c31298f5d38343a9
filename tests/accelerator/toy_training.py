"""Networks, images and hyperparameters of the scenarios, and training with them on a device."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pretend
import torch

from harness.batches.forward_settings import ForwardSettings
from harness.data.images import PreparedData, TrialImages
from harness.training import optimizers
from harness.training.loop import TrainingHooks, TrainingResult, train
from harness.training.resolved_recipe import ResolvedRecipe
from zoo import Hyperparameters, Recipe, build_catalog
from zoo.architecture import ModelRequest
from zoo.loading import Sources

CPU, DEVICE = torch.device("cpu"), pretend.DEVICE
ACCELERATOR = pretend.ACCELERATOR
CATALOG = build_catalog(Sources(entry_points=False))
NUM_TRAIN, NUM_VAL, NUM_TEST, CLASSES = 50, 20, 24, 4
EVERYTHING = {
    "lr": 0.02,
    "batch_size": 16,
    "crop_padding": 0.125,
    "ema_decay": 0.9,
    "mixup_alpha": 0.2,
    "cutmix_alpha": 1.0,
    "random_erasing": 0.25,
    "label_smoothing": 0.1,
    "clip_norm": 1.0,
    "weight_decay": 1e-4,
}
"""Hyperparameters that use most of the engine."""

optimizers.FUSED_DEVICES = (*optimizers.FUSED_DEVICES, pretend.NAME)  # the CPU's kernels, so that results are equal


def make_data(folder: Path, *, size: int = 16, channels: int = 3) -> PreparedData:
    """Write noisy patterns, as the cache holds them."""
    rng = np.random.default_rng(7)
    patterns = rng.uniform(40, 215, (CLASSES, size, size, channels))
    for split, count in (("train", NUM_TRAIN), ("val", NUM_VAL), ("test", NUM_TEST)):
        labels = np.arange(count) % CLASSES
        images = patterns[labels] + rng.normal(0, 30, (count, size, size, channels))
        np.save(folder / f"{split}-images.npy", images.clip(0, 255).astype(np.uint8))
        np.save(folder / f"{split}-labels.npy", labels.astype(np.int64))
        np.save(folder / f"{split}-samples.npy", np.arange(count, dtype=np.uint64))
    return PreparedData(
        folder=str(folder),
        fingerprint="f" * 64,
        classes=tuple(f"class {k}" for k in range(CLASSES)),
        image_size=size,
        channels=channels,
        mean=(0.5,) * channels,
        std=(0.25,) * channels,
        mirror_symmetric=True,
        num_train=NUM_TRAIN,
        num_val=NUM_VAL,
        num_test=NUM_TEST,
    )


def network(name: str, data: PreparedData) -> torch.nn.Module:
    torch.manual_seed(0)
    record = CATALOG.architectures.get(name).record
    request = ModelRequest(
        num_classes=CLASSES,
        in_channels=data.channels,
        image_size=data.image_size,
        pretrained=False,
        options=dict(record.options),
    )
    built: torch.nn.Module = record.build(request)
    return built


def trained(
    name: str, data: PreparedData, device: torch.device, *, on_step: Callable[[], float] = lambda: 0.0, **hp: Any
) -> tuple[torch.nn.Module, TrainingResult]:
    model = network(name, data)
    values = Hyperparameters(**{"epochs": 2, **EVERYTHING, **hp})
    result = train(
        model,
        TrialImages(data),
        ResolvedRecipe(recipe=Recipe(name="plain", hyperparameters=lambda: values), hp=values),
        ForwardSettings(device=device, normalization=data, channels_last=True),
        seed=0,
        hooks=TrainingHooks(give_way=on_step),
    )
    return model, result


def difference(one: torch.nn.Module, other: torch.nn.Module) -> float:
    """Return the largest difference of any weight or buffer."""
    first, second = one.state_dict(), other.state_dict()
    return max(float((first[name].cpu().double() - second[name].cpu().double()).abs().max()) for name in first)
