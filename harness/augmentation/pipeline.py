"""Pipeline: the augmentations that hyper-parameters ask for, in a fixed order.

Shape suffixes: B batch, C channels, H height, W width.
"""

from __future__ import annotations

import torch
from torch import Tensor

from harness.augmentation.color import random_color
from harness.augmentation.erasing import random_cutout
from harness.augmentation.geometry import random_resized_crop, random_shift_and_flip, to_uint8
from harness.augmentation.randaugment import random_operations
from zoo.hyperparameters import Hyperparameters


def augment(
    images_BCHW: Tensor, generator: torch.Generator, hp: Hyperparameters, *, may_flip: bool, fill_C: Tensor
) -> Tensor:
    """Augment ``uint8`` images: resized crop, shifted crop and flip, RandAugment, colour jitter, cutout.

    Args:
        generator: On the images' device; nothing else is drawn from.
        may_flip: Whether a mirrored image keeps its label.
        fill_C: ``uint8`` colour of what is erased or comes in from outside.

    Returns:
        ``uint8`` images of the same shape; the very same where nothing is asked for.
    """
    flip = hp.flip and may_flip
    if hp.random_resized_crop < 1:
        images_BCHW = random_resized_crop(images_BCHW, generator, smallest_area=hp.random_resized_crop)
    if hp.crop_padding > 0 or flip:
        images_BCHW = random_shift_and_flip(images_BCHW, generator, padding=hp.crop_padding, flip=flip)
    if hp.randaugment_ops:
        images_BCHW = random_operations(
            images_BCHW, generator, operations=hp.randaugment_ops, magnitude=hp.randaugment_magnitude, fill_C=fill_C
        )
    if hp.color_jitter > 0:
        images_BCHW = to_uint8(random_color(images_BCHW.float(), generator, strength=hp.color_jitter))
    if hp.cutout > 0:
        images_BCHW = random_cutout(images_BCHW, generator, side=hp.cutout, fill_C=fill_C)
    return images_BCHW
