"""Tiny prepared data and networks for the engine's tests, and one way to train them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from harness.batches.forward_settings import ForwardSettings
from harness.data.images import PreparedData, TrialImages
from harness.records.record import Outcome, Record
from harness.records.spec import ArchitectureSpec, DatasetSpec, ProviderSpec, RecipeSpec, TrialSpec
from harness.training.loop import EpochResult, TrainingHooks, TrainingResult, train
from harness.training.resolved_recipe import ResolvedRecipe
from zoo import Hyperparameters, Recipe

MakeData = Callable[..., PreparedData]


@pytest.fixture
def make_data(tmp_path: Path) -> MakeData:
    """Write a dataset of noisy class patterns, easy to learn, as the cache holds it."""

    def make(
        *,
        num_train: int = 64,
        num_val: int = 32,
        num_test: int = 32,
        classes: int = 4,
        size: int = 8,
        channels: int = 3,
        mirror_symmetric: bool = True,
        shuffled: bool = False,
        noise: float = 30.0,
        labels: list[int] | None = None,
    ) -> PreparedData:
        rng = np.random.default_rng(7)
        patterns = rng.uniform(40, 215, (classes, size, size, channels))
        folder = tmp_path / f"data-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        for split, count in (("train", num_train), ("val", num_val), ("test", num_test)):
            true = np.arange(count) % classes
            if split == "train" and labels is not None:
                true = np.array(labels)
            images = patterns[true] + rng.normal(0, noise, (count, size, size, channels))
            np.save(folder / f"{split}-images.npy", images.clip(0, 255).astype(np.uint8))
            given = rng.permutation(true) if shuffled else true
            np.save(folder / f"{split}-labels.npy", given.astype(np.int64))
            np.save(folder / f"{split}-samples.npy", np.arange(count, dtype=np.uint64))
        return PreparedData(
            folder=str(folder),
            fingerprint="f" * 64,
            classes=tuple(f"class {k}" for k in range(classes)),
            image_size=size,
            channels=channels,
            mean=(0.5,) * channels,
            std=(0.25,) * channels,
            mirror_symmetric=mirror_symmetric,
            num_train=num_train,
            num_val=num_val,
            num_test=num_test,
        )

    return make


class TinyNet(nn.Module):
    """Convolution, batch normalisation, dropout and a head: one of each thing that can go wrong."""

    def __init__(self, channels: int = 3, classes: int = 4, width: int = 8, dropout: float = 0.1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, width, 3, stride=2, padding=1)
        self.norm = nn.BatchNorm2d(width)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(width * 16, classes)

    def forward(self, images_BCHW: torch.Tensor) -> torch.Tensor:
        features = nn.functional.adaptive_avg_pool2d(self.norm(self.conv(images_BCHW)).relu(), 4)
        return self.head(self.dropout(features.flatten(1)))


@pytest.fixture
def make_net() -> Callable[..., TinyNet]:
    """Make a tiny network from a seed."""

    def make(seed: int = 0, **options: float) -> TinyNet:
        torch.manual_seed(seed)
        return TinyNet(**options)  # type: ignore[arg-type]

    return make


PLAIN = Recipe(name="plain", hyperparameters=Hyperparameters)
FORWARD_SETTINGS = ("precision", "channels_last", "compile", "graphs")


@pytest.fixture
def fit() -> Callable[..., tuple[TrainingResult, list[EpochResult]]]:
    """Train on the CPU: settings of the engine go to it, all others are hyperparameters."""

    def run(
        data: PreparedData | TrialImages, net: nn.Module, *, recipe: Recipe = PLAIN, seed: int = 0, **settings: Any
    ) -> tuple[TrainingResult, list[EpochResult]]:
        forward = {name: settings.pop(name) for name in FORWARD_SETTINGS if name in settings}
        save, state = settings.pop("save", None), settings.pop("state", None)
        meters = {name: settings.pop(name) for name in ("give_way", "joules") if name in settings}
        epochs: list[EpochResult] = []
        hp = settings.pop("hp", None) or Hyperparameters(**{"epochs": 2, "batch_size": 16, "lr": 0.05, **settings})
        images = data if isinstance(data, TrialImages) else TrialImages(data)
        result = train(
            net,
            images,
            ResolvedRecipe(recipe=recipe, hp=hp),
            ForwardSettings(device=torch.device("cpu"), normalization=images.prepared, **forward),
            seed=seed,
            hooks=TrainingHooks(emit=epochs.append, save=save, **meters),
            state=state,
        )
        return result, epochs

    return run


@pytest.fixture
def equal() -> Callable[[nn.Module, nn.Module], bool]:
    """Tell whether two networks have the same weights and buffers, bit for bit."""

    def run(one: nn.Module, other: nn.Module) -> bool:
        first, second = one.state_dict(), other.state_dict()
        return all(torch.equal(first[name], second[name]) for name in first)

    return run


@pytest.fixture
def weights() -> Callable[[nn.Module], dict[str, torch.Tensor]]:
    """Copy a network's weights and buffers."""
    return lambda net: {name: value.clone() for name, value in net.state_dict().items()}


@pytest.fixture
def small_record() -> Record:
    """A record with little in it."""
    provider = ProviderSpec(plugin="p")
    return Record(
        trial_id="t",
        result_key="k",
        measurement_key="m",
        outcome=Outcome.DONE,
        spec=TrialSpec(
            architecture=ArchitectureSpec(full_name="p/net", display_name="net", provider=provider),
            dataset=DatasetSpec(full_name="p/set", display_name="a\udcffb", provider=provider),
            recipe=RecipeSpec(full_name="p/r", display_name="r", provider=provider, hyperparameters={"lr": 0.1}),
            seed=3,
        ),
        seconds={"total": 1 / 3},
    )
