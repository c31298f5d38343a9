"""Published weights: what their head can name, and which figures were reported for them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from zoo.class_list import ClassList


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishedFigure:
    """A figure that was published for weights.

    Raises:
        ValueError: If the value is not finite.
    """

    value: float
    """The figure as a share, such as 0.748 for 74.8 % accuracy; for other metrics, in the metric's own unit."""
    metric: str = "accuracy"
    """Name of the metric, such as ``accuracy`` (top-1) or ``top5``."""
    dataset: str
    """Name of the dataset, such as ``ImageNet-1K``."""
    source: str = ""
    """Page, paper or file that states it."""
    preparation: str = ""
    """How images were prepared, in words."""

    def __post_init__(self) -> None:
        if not math.isfinite(self.value):
            raise ValueError(f"a published figure must be finite, got {self.value!r}")


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishedHead:
    """The head that published weights come with."""

    classes: ClassList
    """Classes of the head, in the order of the logits."""
    figures: tuple[PublishedFigure, ...] = ()
    """What was published for the weights, the most important first."""
