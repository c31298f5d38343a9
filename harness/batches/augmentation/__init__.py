"""Augmentation: batches of images changed on their device, with an independent draw for each image.

``pipeline``     what a recipe's hyper-parameters ask for, in order
``draws``        random numbers for each image, also where only some of a batch are here
``flipping``     which images are mirrored, where that alternates
``geometry``     shifted crop and flip, random resized crop
``color``        brightness, contrast, saturation, hue
``randaugment``  RandAugment and TrivialAugment: random operations per image
``erasing``      cutout, random erasing
``mixing``       mixup and CutMix, which mix targets too
``pixels``       the scale of colours

Images are ``uint8``, or floats in [0, 1]. All take and return ``[B, C, H, W]`` of any size with C of 1 or 3, in
channels-last memory where they get that.
"""

from harness.batches.augmentation.flipping import AlternatingFlip
from harness.batches.augmentation.mixing import Mixing
from harness.batches.augmentation.pipeline import augment

__all__ = ["AlternatingFlip", "Mixing", "augment"]
