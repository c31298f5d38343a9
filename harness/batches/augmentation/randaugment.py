"""RandAugment (Cubuk et al. 2020, arXiv:1909.13719) and TrivialAugment (Müller and Hutter 2021, arXiv:2103.10158).

Both draw an operation for each image. Every operation runs on the whole batch, with parameters that leave images with
another operation unchanged, so that the number of passes over the batch is fixed. Strengths follow torchvision's
tables, with magnitude 1 at their ends; ``equalize`` is left out, and sampling is bilinear.
Shape suffixes: B batch, C channels, H height, W width.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum, auto

import torch
from torch import Tensor
from torch.nn import functional

from harness.batches.augmentation.color import blend, brightness, contrast, saturation
from harness.batches.augmentation.draws import integers
from harness.batches.augmentation.geometry import warp
from harness.batches.augmentation.pixels import from_pixels, to_pixels


class Operation(IntEnum):
    """An operation that can be drawn for an image."""

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


@dataclass(frozen=True, kw_only=True, slots=True)
class Magnitudes:
    """The effect of each operation at strength 1."""

    shear: float
    """Shear in columns per row, or rows per column."""
    shift: float
    """Shift as a share of the side."""
    shift_pixels: float = math.inf
    """Maximum shift in pixels."""
    angle: float
    """Rotation in radians."""
    factor: float
    """Change of the factor for brightness, contrast, saturation and sharpness, added to 1 or subtracted from it."""
    bits_cut: int


RANDAUGMENT = Magnitudes(shear=0.3, shift=150 / 331, angle=math.radians(30), factor=0.9, bits_cut=4)
TRIVIALAUGMENT = Magnitudes(shear=0.99, shift=1.0, shift_pixels=32, angle=math.radians(135), factor=0.99, bits_cut=6)
"""The wide search space of the paper, as in torchvision."""
TRIVIAL_STRENGTHS = 31
"""Number of strengths from 0 to 1 that TrivialAugment draws from."""


def random_operations(
    images_BCHW: Tensor, generator: torch.Generator, *, operations: int, magnitude: float, fill_C: Tensor
) -> Tensor:
    """RandAugment: apply *operations* random operations of strength *magnitude* in [0, 1] to each image.

    Args:
        images_BCHW: Images in ``uint8``, or floats in [0, 1].
        fill_C: Colour of the area outside the image, with the images' dtype.
    """
    for _ in range(operations):
        operation_B, sign_B = _draw(images_BCHW, generator)
        images_BCHW = apply_operations(images_BCHW, operation_B, sign_B * magnitude, fill_C)
    return images_BCHW


def trivial_augment(images_BCHW: Tensor, generator: torch.Generator, *, fill_C: Tensor) -> Tensor:
    """TrivialAugment: apply one random operation to each image, with a random strength from a wider range.

    See :func:`random_operations` for the arguments.
    """
    operation_B, sign_B = _draw(images_BCHW, generator)
    drawn_B = integers(generator, len(images_BCHW), 0, TRIVIAL_STRENGTHS)
    strength_B = sign_B * drawn_B / (TRIVIAL_STRENGTHS - 1)
    return apply_operations(images_BCHW, operation_B, strength_B, fill_C, magnitudes=TRIVIALAUGMENT)


def _draw(images_BCHW: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw an operation and a sign, 1.0 or -1.0, for each image."""
    batch = len(images_BCHW)
    operation_B = integers(generator, batch, 0, len(Operation))
    return operation_B, integers(generator, batch, 0, 2).float() * 2 - 1


def apply_operations(
    images_BCHW: Tensor,
    operation_B: Tensor,
    strength_B: Tensor,
    fill_C: Tensor,
    *,
    magnitudes: Magnitudes = RANDAUGMENT,
) -> Tensor:
    """Apply to each image its own operation with its own strength in [-1, 1].

    The sign is the direction of a signed operation; other operations use the magnitude only.

    Args:
        images_BCHW: Images in ``uint8``, or floats in [0, 1].
        fill_C: Colour of the area outside the image, with the images' dtype.
        magnitudes: The effect of each operation at strength 1.
    """
    dtype = images_BCHW.dtype

    def chosen(operation: Operation, value_B: Tensor, otherwise: float) -> Tensor:
        return torch.where(operation_B == operation, value_B, otherwise)

    factor_B = 1 + magnitudes.factor * strength_B
    images = to_pixels(images_BCHW)
    fill_C11 = to_pixels(fill_C).view(-1, 1, 1)
    theta_B23 = _affine(operation_B, strength_B, magnitudes, side=images.shape[-1])
    images = warp(images - fill_C11, theta_B23, padding_mode="zeros") + fill_C11
    images = images.clamp(0, 255)
    images = brightness(images, chosen(Operation.BRIGHTNESS, factor_B, 1.0))
    images = contrast(images, chosen(Operation.CONTRAST, factor_B, 1.0))
    if images.shape[1] == 3:
        images = saturation(images, chosen(Operation.SATURATION, factor_B, 1.0))
    images = blend(images, _smoothed(images), chosen(Operation.SHARPNESS, factor_B, 1.0))
    images = _auto_contrast(images, operation_B == Operation.AUTO_CONTRAST)
    if dtype == torch.uint8:
        images = images.round()
    bits_cut_B111 = chosen(Operation.POSTERIZE, (magnitudes.bits_cut * strength_B.abs()).round(), 0.0).view(-1, 1, 1, 1)
    images = torch.where(bits_cut_B111 > 0, images - images.remainder(torch.exp2(bits_cut_B111)), images)
    threshold_B = chosen(Operation.SOLARIZE, 256 * (1 - strength_B.abs()), 256.0)
    images = torch.where(images >= threshold_B.view(-1, 1, 1, 1), 255 - images, images)
    return from_pixels(images, dtype)


def _affine(operation_B: Tensor, strength_B: Tensor, magnitudes: Magnitudes, *, side: int) -> Tensor:
    """Return ``[B, 2, 3]`` matrices that map output to input coordinates, both in [-1, 1]."""

    def chosen(operation: Operation, largest: float) -> Tensor:
        return torch.where(operation_B == operation, largest * strength_B, 0.0)

    angle_B = chosen(Operation.ROTATE, magnitudes.angle)
    shear_x_B, shear_y_B = chosen(Operation.SHEAR_X, magnitudes.shear), chosen(Operation.SHEAR_Y, magnitudes.shear)
    shift = 2 * min(magnitudes.shift, magnitudes.shift_pixels / side)  # a side has length 2 in these coordinates
    shift_x_B, shift_y_B = chosen(Operation.TRANSLATE_X, shift), chosen(Operation.TRANSLATE_Y, shift)
    x_row_B3 = torch.stack([angle_B.cos(), shear_x_B - angle_B.sin(), shift_x_B], dim=1)
    y_row_B3 = torch.stack([shear_y_B + angle_B.sin(), angle_B.cos(), shift_y_B], dim=1)
    return torch.stack([x_row_B3, y_row_B3], dim=1)


def _smoothed(images_BCHW: Tensor) -> Tensor:
    """Average each inner pixel, with weight 5, and its eight neighbours; the border stays unchanged."""
    if min(images_BCHW.shape[2:]) < 3:
        return images_BCHW
    neighbours = functional.avg_pool2d(images_BCHW, 3, stride=1) * 9
    inner = (neighbours + 4 * images_BCHW[:, :, 1:-1, 1:-1]) / 13
    smoothed = images_BCHW.clone()
    smoothed[:, :, 1:-1, 1:-1] = inner
    return smoothed


def _auto_contrast(images_BCHW: Tensor, chosen_B: Tensor) -> Tensor:
    """Stretch each channel of the chosen images to the full range; a constant channel stays unchanged."""
    low = images_BCHW.amin(dim=(2, 3), keepdim=True)
    spread = images_BCHW.amax(dim=(2, 3), keepdim=True) - low
    stretches = chosen_B.view(-1, 1, 1, 1) & (spread > 0)
    scale = torch.where(stretches, 255 / spread.clamp_min(1e-6), 1.0)
    return torch.where(stretches, (images_BCHW - low) * scale, images_BCHW)
