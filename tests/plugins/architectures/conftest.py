"""What the tests of architectures share: building by name, and running on the meta device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from plugins.architectures import cifar_nets, small_cnns
from zoo import ModelRequest


@pytest.fixture(scope="session")
def build() -> Callable[..., torch.nn.Module]:
    """``build(name, num_classes=10, in_channels=3, image_size=32, **options)``: one of our networks."""
    networks = {each.name: each for module in (small_cnns, cifar_nets) for each in module.zoo_architectures()}

    def build(
        name: str, *, num_classes: int = 10, in_channels: int = 3, image_size: int = 32, **options: Any
    ) -> torch.nn.Module:
        request = ModelRequest(
            num_classes=num_classes,
            in_channels=in_channels,
            image_size=image_size,
            options={**networks[name].options, **options},
        )
        return networks[name].build(request)

    return build


@pytest.fixture(scope="session")
def num_parameters(build: Callable[..., torch.nn.Module]) -> Callable[..., int]:
    """``num_parameters(name, …)``: of the network that ``build`` gives."""

    def num_parameters(name: str, **arguments: Any) -> int:
        with torch.device("meta"):
            return sum(parameter.numel() for parameter in build(name, **arguments).parameters())

    return num_parameters
