"""The small-image rule: the image sizes for which networks designed for larger images have their strides reduced."""

from __future__ import annotations

from typing import Literal, Protocol

from harness.records.spec import TrialSpec

SMALL_IMAGE_LIMIT = 64
"""Images with a shorter side are small: a network designed for 224 pixels divides it by 32, which leaves 1 pixel."""


class Adaptable(Protocol):
    """An architecture, or its spec."""

    @property
    def adapts_small_images(self) -> bool:
        """Whether the network's first strides can be reduced."""


def adapts_by_default(architecture: Adaptable, image_size: int) -> bool:
    """Return whether *architecture* is adapted to images of this size by default."""
    return image_size < SMALL_IMAGE_LIMIT and architecture.adapts_small_images


def decide(spec: TrialSpec, image_size: int) -> Literal["on", "off"]:
    """Return whether a trial on images of this size adapts its architecture, resolving ``auto``."""
    if spec.execution.small_images != "auto":
        return spec.execution.small_images
    return "on" if adapts_by_default(spec.architecture, image_size) else "off"
