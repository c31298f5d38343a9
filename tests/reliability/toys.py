"""A plugin of toys: two tiny networks and a data set of shades, for benches that are over in a second."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from zoo import Architecture, Dataset, Hyperparameters, Recipe, Split, Splits, hookimpl

if TYPE_CHECKING:
    from torch import nn

    from zoo import ModelRequest


def linear(request: ModelRequest) -> nn.Module:
    from torch import nn

    return nn.Sequential(nn.Flatten(), nn.Linear(request.in_channels * request.image_size**2, request.num_classes))


def hidden(request: ModelRequest) -> nn.Module:
    from torch import nn

    size = request.in_channels * request.image_size**2
    return nn.Sequential(
        nn.Flatten(), nn.Linear(size, 8), nn.BatchNorm1d(8), nn.Dropout(0.1), nn.Linear(8, request.num_classes)
    )


def slow(request: ModelRequest) -> nn.Module:
    """A network whose training lasts long enough to be hit."""
    from torch import nn

    class Slow(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = hidden(request)

        def forward(self, images_BCHW: Any) -> Any:
            time.sleep(0.002)
            return self.net(images_BCHW)

    return Slow()


def load(request: Any) -> Splits:
    import numpy as np

    rng = np.random.default_rng(0)

    def split(count: int) -> Split:
        labels = np.arange(count) % 2
        light = (labels * 60).astype(np.uint8)[:, None, None, None]
        images = rng.integers(0, 150, (count, 8, 8, 1), dtype=np.uint8) + light
        return Split(images=images, labels=labels.astype(np.int64))

    return Splits(classes=("dark", "light"), train=split(80), test=split(40))


@hookimpl
def zoo_architectures() -> Iterator[Architecture]:
    for build in (linear, hidden, slow):
        yield Architecture(name=f"toy_{build.__name__}", build=build)


@hookimpl
def zoo_datasets() -> Iterator[Dataset]:
    yield Dataset(name="shades", load=load)


@hookimpl
def zoo_recipes() -> Iterator[Recipe]:
    yield Recipe(name="quick", hyperparameters=lambda: Hyperparameters(epochs=2, batch_size=16))
    yield Recipe(
        name="steady",
        hyperparameters=lambda: Hyperparameters(epochs=10, batch_size=16, ema_decay=0.9, keep="best", mixup_alpha=0.2),
    )
