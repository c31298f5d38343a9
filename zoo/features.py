"""Features: outputs of a frozen backbone, and the heads that recipes fit to them.

Shape suffixes: N images, D features, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import nn


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class FeatureSet:
    """What a recipe fits a head to: the features of training images, and of validation images for its choices."""

    train_ND: NDArray[np.float32]
    """Features of the training images."""
    train_labels_N: NDArray[np.int64]
    val_ND: NDArray[np.float32]
    """Features of the validation images; there may be none."""
    val_labels_N: NDArray[np.int64]
    num_classes: int
    """K, also if a class has no training image."""
    seed: int = 0
    """Seed of a recipe that draws at random; an exact solver needs none."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Head:
    """A head that was fitted to features."""

    module: nn.Module
    """Maps features ``float32 [B, D]`` to logits ``[B, K]``. A plain ``nn.Linear`` with a bias becomes the network's
    own head where that is possible; any other module needs the recipe's ``empty_head``."""
    chosen: Mapping[str, float | str] = field(default_factory=dict)
    """What was chosen on the validation images, such as ``{"neighbors": 5}``; it is recorded."""
    is_random: bool = False
    """Whether another seed would give another head for the same features."""
