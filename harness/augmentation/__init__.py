"""Augmentation: batches of ``uint8`` images changed on their device, with an independent draw for each image.

``pipeline``     what a recipe's hyper-parameters ask for, in order
``geometry``     shifted crop and flip, random resized crop
``color``        brightness, contrast, saturation
``randaugment``  a random operation per image, repeated
``erasing``      cutout
``mixing``       mixup and CutMix, which mix targets too

All take and return ``[B, C, H, W]`` of any size with C of 1 or 3, in channels-last memory where they get that.
"""

from harness.augmentation.mixing import Mixing
from harness.augmentation.pipeline import augment

__all__ = ["Mixing", "augment"]
