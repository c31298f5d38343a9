"""A plugin of toys: two tiny networks and a dataset of shades, for benches that are over in a second."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
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


def _asked() -> dict[str, Any]:
    """Return what a test asks of the networks below."""
    asked: dict[str, Any] = json.loads(Path(__file__).with_name("asked.json").read_text())
    return asked


def walled(request: ModelRequest) -> nn.Module:
    """A network that takes memory for each image, in a process that the system gives only so much more of it."""
    import resource

    import torch
    from torch import nn

    used_kib = int(re.search(r"VmSize:\s+(\d+)", Path("/proc/self/status").read_text())[1])  # type: ignore[index]
    wall = used_kib * 2**10 + int(_asked()["wall_mib"]) * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (wall, wall))
    bytes_per_image = int(_asked()["mib_per_image"]) * 2**20

    class Walled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = linear(request)

        def forward(self, images_BCHW: Any) -> Any:
            torch.empty(len(images_BCHW) * bytes_per_image, dtype=torch.uint8)
            return self.net(images_BCHW)

    return Walled()


def hungry(request: ModelRequest) -> nn.Module:
    """A network whose process moves to a control group and takes memory without end."""
    (Path(_asked()["group"]) / "cgroup.procs").write_text(str(os.getpid()))
    taken = []
    while True:
        taken.append(b"x" * 2**20)


def writer(request: ModelRequest) -> nn.Module:
    """A network that writes a file when it is built, as one that keeps its weights in a cache does."""
    Path(_asked()["path"]).write_text("weights")
    return linear(request)


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
    for build in (linear, hidden, slow, walled, hungry, writer):
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
