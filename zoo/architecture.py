"""Architectures: networks that can be built for any class count, channel count and image size."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from zoo.names import check_name
from zoo.options import Option, check_options

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelRequest:
    """What a network is to be built for."""

    num_classes: int
    """Width of the logits: the network maps ``images_BCHW`` to ``logits_BK`` with K = this."""
    in_channels: int = 3
    """C of its input."""
    image_size: int = 224
    """H and W of its input, in pixels; images are square."""
    pretrained: bool = False
    """Whether to load published weights, with a new head for ``num_classes``."""
    options: Mapping[str, Option] = field(default_factory=dict)
    """A value for each of the architecture's options."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Preprocessing:
    """How images must be prepared for published weights."""

    mean: tuple[float, ...]
    """Mean per channel, of pixels scaled to [0, 1]."""
    std: tuple[float, ...]
    """Standard deviation per channel, of pixels scaled to [0, 1]."""
    interpolation: str = "bicubic"
    """How to resize: ``"bilinear"`` or ``"bicubic"``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Architecture:
    """A network that can be selected by name.

    Raises:
        ValueError: If a name or a number is not what its field says.
    """

    name: str
    """Its name within its namespace: ``resnet18``."""
    build: Callable[[ModelRequest], nn.Module]
    """Makes the network, randomly initialised from torch's global generator (which the caller has
    seeded), in fp32, on torch's current default device, in train mode. It takes float images
    ``[B, C, H, W]`` that are already normalised and returns logits ``[B, K]``."""
    summary: str = ""
    """One line for ``zoo list``."""
    family: str = ""
    """What it is a kind of, for grouping: ``resnet``."""
    source: str = ""
    """The paper or page it comes from."""
    namespace: str = ""
    """First half of its full name; empty means the plugin's own name."""
    short: bool = True
    """Whether it may be selected by ``name`` alone."""
    version: str = ""
    """Version of the library that defines it, where that is not the plugin's own."""
    native_size: int = 224
    """Image side in pixels that it was designed for."""
    min_size: int = 1
    """Smallest image side in pixels that it accepts, after the small-image adaptation if it has that."""
    adapts_small_images: bool = False
    """Whether the harness may reduce its first strides for images far below ``native_size``."""
    has_pretrained: bool = False
    """Whether published weights exist."""
    exportable: bool = False
    """Whether ``torch.export`` takes it; ``zoo check --slow`` then holds it to that."""
    preprocessing: Callable[[ModelRequest], Preprocessing] | None = None
    """What published weights expect; asked only when ``pretrained``."""
    options: Mapping[str, Option] = field(default_factory=dict)
    """Names and default values of what ``--set model.NAME=VALUE`` may change."""
    preload: tuple[str, ...] = ("torch",)
    """Modules worth importing once before trials fork; importing them again must have no effect."""

    def __post_init__(self) -> None:
        check_name(self.name, "architecture name")
        if self.namespace:
            check_name(self.namespace, "namespace")
        if not callable(self.build):
            raise ValueError(f"architecture {self.name!r}: build must be callable")
        if self.native_size < 1 or self.min_size < 1:
            raise ValueError(f"architecture {self.name!r}: sizes must be at least 1 pixel")
        check_options(self.options, f"architecture {self.name!r}")
