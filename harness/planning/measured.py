"""Probe measurements: the costs of a combination that a forecast is made from. Plain data."""

from __future__ import annotations

from harness.records.spec import FrozenModel


class Measured(FrozenModel):
    """The measurements of a probe."""

    build_seconds: float
    image_seconds: float
    """Time per image of a training step, including the data path."""
    val_image_seconds: float
    single_image_seconds: float
    """Time for a batch of one image."""
    save_seconds: float
    """Time for saving a training state."""
    end_seconds: float
    """Time for writing weights and predictions, and for computing metrics."""
    inference_batch: int
    training_batch: int
    peak_memory_mib: float | None
    """Peak memory, without the images that a CPU maps from their file."""
    macs: int | None
    threads: int | None = None
    """CPU threads that it computed with."""
    seconds: float = 0.0
    """Duration of the probe in its process."""
