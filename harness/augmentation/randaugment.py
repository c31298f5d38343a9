"""RandAugment: one random operation for each image, repeated (Cubuk et al. 2020, https://arxiv.org/abs/1909.13719).

Every operation runs for the whole batch with parameters that leave an image as it is where another one was drawn
for it: a few passes over the batch, whatever was drawn. Strengths follow torchvision's table, with magnitude 1 at its
end; ``equalize`` is left out, and sampling is bilinear. Shape suffixes: B batch, C channels, H height, W width.
"""

from __future__ import annotations

import math
from enum import IntEnum, auto

import torch
from torch import Tensor
from torch.nn import functional

from harness.augmentation.color import blend, brightness, contrast, saturation
from harness.augmentation.geometry import to_uint8, warp


class Operation(IntEnum):
    """What can be drawn for an image."""

    IDENTITY = 0
    SHEAR_X = auto()
    SHEAR_Y = auto()
    TRANSLATE_X = auto()
    TRANSLATE_Y = auto()
    ROTATE = auto()
    BRIGHTNESS = auto()
    CONTRAST = auto()
    SATURATION = auto()
    SHARPNESS = auto()
    POSTERIZE = auto()
    SOLARIZE = auto()
    AUTO_CONTRAST = auto()


LARGEST_SHEAR = 0.3
LARGEST_SHIFT = 150 / 331  # of the side
LARGEST_ANGLE = math.radians(30)
LARGEST_FACTOR = 0.9
MOST_BITS_CUT = 4


def random_operations(
    images_BCHW: Tensor, generator: torch.Generator, *, operations: int, magnitude: float, fill_C: Tensor
) -> Tensor:
    """Apply *operations* random operations of strength *magnitude* in [0, 1] to each ``uint8`` image.

    Args:
        fill_C: Colour of what comes in from outside, in [0, 255].
    """
    batch = len(images_BCHW)
    device = images_BCHW.device
    for _ in range(operations):
        operation_B = torch.randint(len(Operation), (batch,), generator=generator, device=device)
        sign_B = torch.randint(0, 2, (batch,), generator=generator, device=device).float() * 2 - 1
        images_BCHW = apply_operations(images_BCHW, operation_B, sign_B * magnitude, fill_C)
    return images_BCHW


def apply_operations(images_BCHW: Tensor, operation_B: Tensor, strength_B: Tensor, fill_C: Tensor) -> Tensor:
    """Apply to each ``uint8`` image its own operation with its own strength in [-1, 1].

    The sign says which way a signed operation goes; the others use the size alone.
    """

    def chosen(operation: Operation, value_B: Tensor, otherwise: float) -> Tensor:
        return torch.where(operation_B == operation, value_B, otherwise)

    factor_B = 1 + LARGEST_FACTOR * strength_B
    images = images_BCHW.float()
    fill_C11 = fill_C.float().view(-1, 1, 1)
    images = warp(images - fill_C11, _affine(operation_B, strength_B), padding_mode="zeros") + fill_C11
    images = images.clamp(0, 255)
    images = brightness(images, chosen(Operation.BRIGHTNESS, factor_B, 1.0))
    images = contrast(images, chosen(Operation.CONTRAST, factor_B, 1.0))
    if images.shape[1] == 3:
        images = saturation(images, chosen(Operation.SATURATION, factor_B, 1.0))
    images = blend(images, _smoothed(images), chosen(Operation.SHARPNESS, factor_B, 1.0))
    images = _auto_contrast(images, operation_B == Operation.AUTO_CONTRAST).round()
    bits_cut_B = chosen(Operation.POSTERIZE, (MOST_BITS_CUT * strength_B.abs()).round(), 0.0)
    images = images - images.remainder(torch.exp2(bits_cut_B).view(-1, 1, 1, 1))
    threshold_B = chosen(Operation.SOLARIZE, 256 * (1 - strength_B.abs()), 256.0)
    images = torch.where(images >= threshold_B.view(-1, 1, 1, 1), 255 - images, images)
    return to_uint8(images)


def _affine(operation_B: Tensor, strength_B: Tensor) -> Tensor:
    """Return ``[B, 2, 3]`` matrices from the output's coordinates to the input's, both in [-1, 1]."""

    def chosen(operation: Operation, largest: float) -> Tensor:
        return torch.where(operation_B == operation, largest * strength_B, 0.0)

    angle_B = chosen(Operation.ROTATE, LARGEST_ANGLE)
    shear_x_B, shear_y_B = chosen(Operation.SHEAR_X, LARGEST_SHEAR), chosen(Operation.SHEAR_Y, LARGEST_SHEAR)
    # The side is 2 long in these coordinates.
    shift_x_B = chosen(Operation.TRANSLATE_X, 2 * LARGEST_SHIFT)
    shift_y_B = chosen(Operation.TRANSLATE_Y, 2 * LARGEST_SHIFT)
    x_row_B3 = torch.stack([angle_B.cos(), shear_x_B - angle_B.sin(), shift_x_B], dim=1)
    y_row_B3 = torch.stack([shear_y_B + angle_B.sin(), angle_B.cos(), shift_y_B], dim=1)
    return torch.stack([x_row_B3, y_row_B3], dim=1)


def _smoothed(images_BCHW: Tensor) -> Tensor:
    """Average each inner pixel with its eight neighbours, itself counting five times; the border stays."""
    if min(images_BCHW.shape[2:]) < 3:
        return images_BCHW
    neighbours = functional.avg_pool2d(images_BCHW, 3, stride=1) * 9
    inner = (neighbours + 4 * images_BCHW[:, :, 1:-1, 1:-1]) / 13
    smoothed = images_BCHW.clone()
    smoothed[:, :, 1:-1, 1:-1] = inner
    return smoothed


def _auto_contrast(images_BCHW: Tensor, chosen_B: Tensor) -> Tensor:
    """Stretch each channel of the chosen images to the full range; a constant channel stays."""
    low = images_BCHW.amin(dim=(2, 3), keepdim=True)
    spread = images_BCHW.amax(dim=(2, 3), keepdim=True) - low
    stretches = chosen_B.view(-1, 1, 1, 1) & (spread > 0)
    scale = torch.where(stretches, 255 / spread.clamp_min(1e-6), 1.0)
    return torch.where(stretches, (images_BCHW - low) * scale, images_BCHW)
