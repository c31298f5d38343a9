"""The small-image rule: at which image sizes networks made for larger images have their first strides reduced."""

from __future__ import annotations

from typing import Literal, Protocol

from harness.records.spec import TrialSpec

SMALL_IMAGE_LIMIT = 64
"""Images with fewer pixels a side are small. A network made for 224 pixels divides them by 32: two or one are left."""


class Adaptable(Protocol):
    """An architecture, or its part of a trial's spec."""

    @property
    def adapts_small_images(self) -> bool:
        """Whether its first strides can be reduced."""


def adapts_by_default(architecture: Adaptable, image_size: int) -> bool:
    """Tell whether *architecture* is adapted to images of this size unless the user decides otherwise."""
    return image_size < SMALL_IMAGE_LIMIT and architecture.adapts_small_images


def decide(spec: TrialSpec, image_size: int) -> Literal["on", "off"]:
    """Return whether a trial on images of this size adapts its architecture, with ``auto`` decided."""
    if spec.execution.small_images != "auto":
        return spec.execution.small_images
    return "on" if adapts_by_default(spec.architecture, image_size) else "off"
