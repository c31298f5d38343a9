"""Decoding: how fast one thread turns encoded test images into what the network sees, measured from their files.

Images that fit are kept decoded, so that no pass over them decodes. A network in use is given files, and decoding large
photographs takes longer than a small network does. So it is measured on a few of the test images, by the code that
prepared them: reading, decoding, scaling and cropping. The files are in the system's cache by the second time.
"""

from __future__ import annotations

import itertools

import torch

from harness.data.images import ImageSet, SelectedImages
from harness.data.streaming_images import StreamedImages
from harness.faults.errors import TrialError
from harness.measuring.timer import measure_rate
from harness.records.record import Rate

STEP_IMAGES = 8
"""Images that are decoded between two looks at the clock."""


def measure_decoding(images: ImageSet, *, budget_seconds: float) -> Rate | None:
    """Return the images per second that one thread of the CPU decodes.

    Args:
        images: The test images.
        budget_seconds: Approximate duration.

    Returns:
        The rate; None if the images come from no files, or these are gone or have changed since they were prepared.
    """
    encoded = _encoded(images)
    if encoded is None or not len(encoded):
        return None
    count = min(STEP_IMAGES, len(encoded))
    starts = itertools.cycle(range(0, len(encoded) - count + 1, count))

    def step() -> None:
        start = next(starts)
        encoded[start : start + count]

    try:
        return measure_rate(step, images_per_step=count, device=torch.device("cpu"), budget_seconds=budget_seconds)
    except TrialError:
        return None


def _encoded(images: ImageSet) -> StreamedImages | None:
    """Return images that are decoded on access: all of them, or the sample that was noted when they were prepared."""
    kept = images.images_NHWC
    if isinstance(kept, SelectedImages):
        kept = kept.images
    if isinstance(kept, StreamedImages):
        return kept
    return None if images.encoded_sample is None else images.encoded_sample()
