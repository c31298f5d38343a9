"""Architectures: networks that can be built for any number of classes, channels and pixels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from zoo.dependencies import check_dependencies
from zoo.names import check_name
from zoo.options import Option, check_options
from zoo.preparation import Preparation
from zoo.published import PublishedHead
from zoo.space import parse_space

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelRequest:
    """What a network is built for: classes, channels, image size and options."""

    num_classes: int
    """Number of classes K: the network maps ``images_BCHW`` to ``logits_BK``."""
    in_channels: int = 3
    """Number of input channels C."""
    image_size: int = 224
    """Height and width of its input in pixels; images are square."""
    pretrained: bool = False
    """Whether to load published weights and give them a new head for ``num_classes``."""
    options: Mapping[str, Option] = field(default_factory=dict)
    """Value of each option of the architecture."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Architecture:
    """A network that can be selected by name.

    Raises:
        ValueError: If a name or a number is invalid.
    """

    name: str
    """Name within its namespace: ``resnet18``."""
    build: Callable[[ModelRequest], nn.Module]
    """Returns the network in fp32 and train mode, on torch's current default device, randomly initialised from torch's
    global generator, which the caller has seeded. The network takes normalised float images ``[B, C, H, W]`` and
    returns logits ``[B, K]``."""
    summary: str = ""
    """One line that ``zoo list`` shows."""
    family: str = ""
    """Family that it is grouped under: ``resnet``."""
    source: str = ""
    """Paper or page that describes it."""
    namespace: str = ""
    """First half of its full name; empty: the name of the plugin."""
    short: bool = True
    """Whether it can be selected by ``name`` alone."""
    version: str = ""
    """Version of the library that defines it, if that is not the plugin itself."""
    native_size: int = 224
    """Image side in pixels that it was designed for."""
    min_size: int = 1
    """Smallest image side in pixels that it accepts, after the small-image adaptation if it supports that."""
    adapts_small_images: bool = False
    """Whether the harness may reduce its first strides for images much smaller than ``native_size``."""
    has_pretrained: bool = False
    """Whether published weights exist."""
    exportable: bool = False
    """Whether ``torch.export`` supports it, which ``zoo check --slow`` verifies."""
    preparation: Callable[[Mapping[str, Option]], Preparation] | None = None
    """Returns how images are prepared for published weights, given the options; called for ``pretrained`` networks
    only. ``zoo plan`` calls it, so it should not import torch."""
    head: Callable[[Mapping[str, Option]], PublishedHead] | None = None
    """Returns the classes of the published weights, given the options, and what was published for them. Called for
    networks that are tested as published, which are then built for that number of classes; should not import torch."""
    pretraining: Callable[[Mapping[str, Option]], tuple[str, ...]] | None = None
    """Returns the collections of images that the published weights were trained on, given the options, by the names of
    :mod:`zoo.pretraining`; empty: unknown. Called for ``pretrained`` networks only; should not import torch."""
    check_weights: Callable[[Mapping[str, Option]], None] | None = None
    """Raises :class:`zoo.errors.UnavailableWeightsError` if the published weights, given the options, neither are on
    this machine nor can be downloaded. Called before a bench prepares anything, so it should take milliseconds, or
    seconds for all networks of a host that does not answer. It may import torch."""
    options: Mapping[str, Option] = field(default_factory=dict)
    """Names and defaults of the options that ``--set model.NAME=VALUE`` changes."""
    space: Mapping[str, str] = field(default_factory=dict)
    """Ranges in which ``zoo bench --tune 16`` searches its options, by name: ``{"drop_rate": "uniform(0, 0.5)"}``;
    for the notation see :mod:`zoo.space`."""
    files: tuple[str, ...] = ()
    """Data files or folders that its code reads, relative to the plugin's file; changed content changes the result
    key."""
    libraries: tuple[str, ...] = ()
    """Distributions that it depends on without importing them itself; another version changes the result key."""
    preload: tuple[str, ...] = ("torch",)
    """Modules to import once before trials fork; importing them again must have no effect."""

    def __post_init__(self) -> None:
        check_name(self.name, "architecture name")
        if self.namespace:
            check_name(self.namespace, "namespace")
        if not callable(self.build):
            raise ValueError(f"architecture {self.name!r}: build must be callable")
        if self.native_size < 1 or self.min_size < 1:
            raise ValueError(f"architecture {self.name!r}: sizes must be at least 1 pixel")
        check_options(self.options, f"architecture {self.name!r}")
        for name in parse_space(self.space, f"architecture {self.name!r}"):
            if name not in self.options:
                raise ValueError(f"architecture {self.name!r}: space of {name}: it has no such option")
        check_dependencies(self.files, self.libraries, f"architecture {self.name!r}")
