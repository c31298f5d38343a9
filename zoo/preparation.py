"""Preparations: what an image becomes before a network sees it.

A preparation is put together from layers, each of which may leave fields open: what the user asks for, over what the
recipe asks for, over what published weights were trained with, over the architecture's own size, over
:data:`USUAL`. It is part of a trial's result key, and of the card of its classifier.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Literal, get_args

Fit = Literal["crop", "pad", "squash"]
Interpolation = Literal["nearest", "bilinear", "bicubic", "lanczos"]

DEFAULT_SIZE = 224
"""Image side in pixels if neither the network nor the images suggest another."""
SMALL_NETWORK = 64
"""A network that was designed for smaller images than this many pixels is small, and follows the size of the images."""
_LARGEST_SIZE = 1 << 12
_GREY = 128


@dataclass(frozen=True, kw_only=True, slots=True)
class Preparation:
    """How an image becomes the square input of a network. A field is None where a layer leaves it open.

    Raises:
        ValueError: If a value is out of range.
    """

    size: int | None = None
    """Side of the square input in pixels."""
    fit: Fit | None = None
    """How an image of another shape becomes a square. ``crop``: the shorter side is scaled, and the centre cropped;
    ``pad``: the longer side is scaled, and the shorter one padded; ``squash``: both are scaled."""
    crop_share: float | None = None
    """Share of the side that is kept: images are scaled to ``floor(size / crop_share)`` pixels, and the centre of
    ``size`` pixels is cropped. Above 1, images become smaller, with a black border. timm calls it ``crop_pct``."""
    interpolation: Interpolation | None = None
    """Filter of scaling."""
    antialias: bool | None = None
    """Whether scaling down averages over all pixels, as Pillow does."""
    fill: tuple[int, ...] | None = None
    """Colour that images are padded with, from 0 to 255 per channel: the mean if it is stated, else grey."""
    mean: tuple[float, ...] | None = None
    """Mean per channel of pixels scaled to [0, 1]: the input is ``(pixel / 255 - mean) / std``. If neither a user, nor
    a recipe, nor published weights state it, it is that of the training images."""
    std: tuple[float, ...] | None = None
    """Standard deviation per channel."""

    def __post_init__(self) -> None:
        if self.size is not None and not 1 <= self.size <= _LARGEST_SIZE:
            raise ValueError(f"size must be from 1 to {_LARGEST_SIZE} pixels, got {self.size!r}")
        if self.crop_share is not None and not 0 < self.crop_share <= 2:
            raise ValueError(f"crop_share must be above 0 and at most 2, got {self.crop_share!r}")
        for name, value, known in (("fit", self.fit, Fit), ("interpolation", self.interpolation, Interpolation)):
            if value is not None and value not in get_args(known):
                raise ValueError(
                    f"{name} must be {', '.join(get_args(known)[:-1])} or {get_args(known)[-1]}, got {value!r}"
                )
        if self.antialias is False and self.interpolation == "lanczos":
            raise ValueError("interpolation lanczos is always antialiased: choose another, or antialias = true")
        if (self.mean is None) != (self.std is None) or len(self.mean or ()) != len(self.std or ()):
            raise ValueError("mean and std must have a value for each channel, or both be left open")

    def over(self, other: Preparation) -> Preparation:
        """Return this layer over *other*, whose fields are taken where this one leaves them open."""
        own = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(other, **{name: value for name, value in own.items() if value is not None})

    @property
    def view(self) -> Preparation:
        """The part that pixels depend on: all but mean and std."""
        return replace(self, mean=None, std=None)

    @property
    def scaled_size(self) -> int:
        """Side in pixels that images are scaled to before the crop."""
        assert self.size is not None, "the size is resolved before images are prepared"
        return math.floor(self.size / (self.crop_share or 1.0))

    def for_channels(self, channels: int) -> Preparation:
        """Return it for images with another number of channels, whose mean and std are then the average."""
        if self.mean is None or self.std is None or channels in (0, len(self.mean)):
            return self
        mean, std = ((sum(values) / len(values),) * channels for values in (self.mean, self.std))
        return replace(self, mean=mean, std=std)

    def colour(self, channels: int) -> tuple[int, ...]:
        """Return the colour that images with a number of channels are padded with."""
        fill = self.fill
        if fill is None:
            fill = (_GREY,) if self.mean is None else tuple(round(255 * value) for value in self.mean)
        return fill if len(fill) == channels else (round(sum(fill) / len(fill)),) * channels

    def __str__(self) -> str:
        """Return it in words, such as ``224 px, crop 0.875, bicubic``."""
        return self.describe()

    def describe(self, design_size: int | None = None) -> str:
        """Return it in words.

        Args:
            design_size: Image side in pixels that the network was designed for, if it is known. Where no layer states
                a size, this is the largest that :func:`default_size` gives a network that is not small.
        """
        follows_images = design_size is None or design_size < SMALL_NETWORK
        size = "the images' size" if follows_images else f"at most {design_size} px"
        words = [f"{self.size} px" if self.size else size, self.fit or "crop"]
        if self.crop_share not in (None, 1.0):
            words[-1] += f" {self.crop_share:.3g}"
        words += [self.interpolation] if self.interpolation else []
        words += ["not antialiased"] if self.antialias is False else []
        return ", ".join(words)


USUAL = Preparation(fit="crop", crop_share=1.0, interpolation="bicubic", antialias=True)
"""The lowest layer: what applies if nothing else is stated."""


def layered(layers: Iterable[Preparation]) -> Preparation:
    """Return the preparation of *layers*, the most important first, over :data:`USUAL`."""
    found = Preparation()
    for each in layers:
        found = found.over(each)
    found = found.over(USUAL)
    return found if found.fit != "pad" or found.fill else replace(found, fill=found.colour(len(found.mean or (0,))))


def default_size(design_size: int, *, common: int | None, median: int) -> int:
    """Return the size of images if no layer states one.

    Networks are given neither enlarged images nor more pixels than they were designed for; small networks take images
    of up to :data:`DEFAULT_SIZE` pixels as they are.

    Args:
        design_size: Image side in pixels that the network was designed for.
        common: Side of the images if all are squares of the same size.
        median: Median of the shorter sides of the images.
    """
    is_small = design_size < SMALL_NETWORK
    if common is not None:
        return common if is_small else min(common, design_size)
    return min(median, DEFAULT_SIZE) if is_small else design_size
