"""Pipeline: the augmentations set by the hyperparameters, in a fixed order.

Shape suffixes: B batch, C channels, H height, W width.
"""

from __future__ import annotations

import torch
from torch import Tensor

from harness.batches.augmentation.color import random_color, random_hue
from harness.batches.augmentation.erasing import random_cutout, random_erasing
from harness.batches.augmentation.geometry import random_resized_crop, random_shift_and_flip
from harness.batches.augmentation.pixels import from_pixels, to_pixels
from harness.batches.augmentation.randaugment import random_operations, trivial_augment
from zoo.hyperparameters import Hyperparameters


def changes_images(hp: Hyperparameters, *, may_flip: bool) -> bool:
    """Return whether :func:`augment` does anything with these hyperparameters."""
    return (
        hp.random_resized_crop < 1
        or (hp.flip and may_flip)
        or hp.trivialaugment
        or any(
            strength > 0
            for strength in (
                hp.crop_padding,
                hp.randaugment_ops,
                hp.color_jitter,
                hp.hue_jitter,
                hp.cutout,
                hp.random_erasing,
            )
        )
    )


def augment(
    images_BCHW: Tensor,
    generator: torch.Generator,
    hp: Hyperparameters,
    *,
    may_flip: bool,
    fill_C: Tensor,
    flip_B: Tensor | None = None,
) -> Tensor:
    """Augment images: resized crop, shifted crop and flip, RandAugment, TrivialAugment, colour and hue, erasing.

    Args:
        images_BCHW: Images in ``uint8``, or floats in [0, 1]; C is 1 or 3, H and W are arbitrary.
        generator: The only source of randomness, on the images' device.
        may_flip: Whether a mirrored image keeps its label.
        fill_C: Colour of erased areas and of the area outside the image, with the images' dtype.
        flip_B: Images to mirror, as chosen by ``AlternatingFlip``; None: drawn at random.

    Returns:
        Images of the same shape and dtype; the same tensor if no augmentation is set.
    """
    flip = hp.flip and may_flip
    if hp.random_resized_crop < 1:
        images_BCHW = random_resized_crop(images_BCHW, generator, smallest_area=hp.random_resized_crop)
    if hp.crop_padding > 0 or flip:
        images_BCHW = random_shift_and_flip(
            images_BCHW, generator, padding=hp.crop_padding, flip=flip, flip_B=flip_B if flip else None
        )
    if hp.randaugment_ops:
        images_BCHW = random_operations(
            images_BCHW, generator, operations=hp.randaugment_ops, magnitude=hp.randaugment_magnitude, fill_C=fill_C
        )
    if hp.trivialaugment:
        images_BCHW = trivial_augment(images_BCHW, generator, fill_C=fill_C)
    if hp.color_jitter > 0 or hp.hue_jitter > 0:
        dtype, images_BCHW = images_BCHW.dtype, to_pixels(images_BCHW)
        if hp.color_jitter > 0:
            images_BCHW = random_color(images_BCHW, generator, strength=hp.color_jitter)
        if hp.hue_jitter > 0:
            images_BCHW = random_hue(images_BCHW, generator, strength=hp.hue_jitter)
        images_BCHW = from_pixels(images_BCHW, dtype)
    if hp.cutout > 0:
        images_BCHW = random_cutout(images_BCHW, generator, side=hp.cutout, fill_C=fill_C)
    if hp.random_erasing > 0:
        images_BCHW = random_erasing(images_BCHW, generator, probability=hp.random_erasing, fill_C=fill_C)
    return images_BCHW
