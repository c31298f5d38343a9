"""What a probe measured of one combination: the costs that a forecast is made from. Plain data."""

from __future__ import annotations

from harness.records.spec import FrozenModel


class Measured(FrozenModel):
    """What a probe measured."""

    build_seconds: float
    image_seconds: float
    """For each image of a training step, with the data path."""
    val_image_seconds: float
    single_image_seconds: float
    """For one image alone."""
    save_seconds: float
    """For a training state."""
    end_seconds: float
    """For writing weights and predictions, and for the metrics."""
    inference_batch: int
    training_batch: int
    peak_memory_mib: float | None
    """Without the images that a CPU maps from their file."""
    macs: int | None
    seconds: float = 0.0
    """What the probe took itself, in its process."""
