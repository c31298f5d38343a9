"""A plugin of networks and recipes for training in several processes, one for each thing that could differ there."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo import Architecture, Hyperparameters, Recipe, hookimpl

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from zoo import ModelRequest


def _net(request: ModelRequest, *, norm: bool) -> nn.Module:
    from torch import nn

    return nn.Sequential(
        nn.Conv2d(request.in_channels, 8, 3, stride=2, padding=1),
        nn.BatchNorm2d(8) if norm else nn.Identity(),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.BatchNorm1d(8) if norm else nn.Identity(),
        nn.Linear(8, request.num_classes),
    )


def plain(request: ModelRequest) -> nn.Module:
    return _net(request, norm=False)


def normed(request: ModelRequest) -> nn.Module:
    """Statistics over pixels, and over images alone: with one image to each process, none of its own would do."""
    return _net(request, norm=True)


def activated(request: ModelRequest) -> nn.Module:
    """A batch normalisation of another class, which does more than normalise."""
    from timm.layers import BatchNormAct2d

    net = _net(request, norm=True)
    net[1] = BatchNormAct2d(8)  # type: ignore[operator]
    return net


def idle_weight(request: ModelRequest) -> nn.Module:
    """A network with a weight that it does not use, which must stay as it is, weight decay or not."""
    import torch
    from torch import nn

    net = _net(request, norm=True)
    net.register_parameter("unused", nn.Parameter(torch.ones(3)))
    return net


def dropping(request: ModelRequest) -> nn.Module:
    """A network that writes down what dropout leaves in a step, the last one in the end."""
    import torch
    from torch import nn

    class Dropping(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = _net(request, norm=False)

        def forward(self, images_BCHW: Tensor) -> Tensor:
            if self.training and torch.distributed.is_initialized():
                kept = nn.functional.dropout(torch.ones(64))
                path = Path(_asked()["folder"]) / f"kept-{torch.distributed.get_rank()}"
                path.write_text(json.dumps(kept.tolist()))
            return self.net(images_BCHW)

    return Dropping()


def faulty(request: ModelRequest) -> nn.Module:
    """A network at whose third training step the last process does what a test asks of it."""
    import torch
    from torch import nn

    class Faulty(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = _net(request, norm=False)
            self.steps = 0

        def forward(self, images_BCHW: Tensor) -> Tensor:
            group = torch.distributed
            if self.training and group.is_initialized():
                self.steps += 1
                file = Path(_asked()["folder"]) / f"pid-{group.get_rank()}"
                file.with_suffix(".part").write_text(str(os.getpid()))
                file.with_suffix(".part").replace(file)  # whoever waits for the file reads it at once
                if self.steps >= 3 and group.get_rank() == group.get_world_size() - 1:
                    _fail(len(images_BCHW))
            return self.net(images_BCHW)

    return Faulty()


def _fail(images: int) -> None:
    import torch

    how = _asked()["how"]
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif how == "hang":
        time.sleep(600)
    elif how == "raise":
        raise ValueError("what a plugin may raise")
    elif how == "leave":
        os._exit(0)
    elif how == "memory" and images > int(_asked()["images"]):
        raise torch.OutOfMemoryError("memory is refused")


def _asked() -> dict[str, Any]:
    """Return what a test asks of the networks above."""
    asked: dict[str, Any] = json.loads(Path(os.environ["ZOO_TEST_ASKED"]).read_text())
    return asked


def speckle(images_BCHW: Tensor, generator: torch.Generator, hp: Any) -> Tensor:
    """Paint one pixel of each image black."""
    import torch

    batch, _, height, width = images_BCHW.shape
    images_BCHW = images_BCHW.clone()
    place_B = torch.randint(height * width, (batch,), generator=generator, device=images_BCHW.device)
    images_BCHW[torch.arange(batch), :, place_B // width, place_B % width] = 0
    return images_BCHW


@hookimpl
def zoo_architectures() -> Iterator[Architecture]:
    for build in (plain, normed, activated, idle_weight, dropping, faulty):
        yield Architecture(name=build.__name__, build=build)


@hookimpl
def zoo_recipes() -> Iterator[Recipe]:
    yield Recipe(name="simple", hyperparameters=lambda: Hyperparameters(epochs=3, batch_size=16, lr=0.05))
    yield Recipe(
        name="speckled",
        hyperparameters=lambda: Hyperparameters(epochs=3, batch_size=16, lr=0.05, flip=True),
        augment=speckle,
    )
