"""Augmentation: random changes of batches of images on their device, drawn independently for each image.

``pipeline``     the augmentations that hyperparameters set, in order
``draws``        random numbers for each image, also if only part of a batch is loaded
``flipping``     alternating flips
``geometry``     shifted crop and flip, random resized crop
``color``        brightness, contrast, saturation, hue
``randaugment``  RandAugment and TrivialAugment: random operations per image
``erasing``      cutout, random erasing
``mixing``       mixup and CutMix, which mix targets too
``pixels``       the scale of colours

Images are ``uint8``, or floats in [0, 1]. All functions take and return ``[B, C, H, W]`` of any size with C of 1 or 3,
and keep channels-last memory.
"""

from harness.batches.augmentation.flipping import AlternatingFlip
from harness.batches.augmentation.mixing import Mixing
from harness.batches.augmentation.pipeline import augment, changes_images

__all__ = ["AlternatingFlip", "Mixing", "augment", "changes_images"]
