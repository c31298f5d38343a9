"""Geometry: crops and flips, drawn independently for each image.

Shape suffixes: B batch, C channels, H height, W width.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from harness.batches.augmentation.draws import integers, uniform
from harness.batches.augmentation.pixels import from_pixels, to_pixels


def shift_and_flip(images_BCHW: Tensor, shift_y_B: Tensor, shift_x_B: Tensor, flip_B: Tensor) -> Tensor:
    """Shift each image by whole pixels with reflect padding, then mirror the images in *flip_B*.

    Args:
        images_BCHW: Images of any dtype and memory layout.
        shift_y_B: Rows by which the crop window moves down, ``int64``; less than H in magnitude.
        shift_x_B: Columns by which it moves to the right, ``int64``; less than W in magnitude.
        flip_B: The images to mirror, ``bool``.

    Returns:
        Images of the same shape and dtype in channels-last memory. Padding, crop and flip take a single gather.
    """
    batch, channels, height, width = images_BCHW.shape
    device = images_BCHW.device
    rows_BH = _reflect(torch.arange(height, device=device) + shift_y_B[:, None], height)
    columns_W = torch.arange(width, device=device)
    columns_BW = torch.where(flip_B[:, None], columns_W.flip(0), columns_W)
    columns_BW = _reflect(columns_BW + shift_x_B[:, None], width)
    rows_BH = rows_BH + torch.arange(batch, device=device)[:, None] * height
    pixels_BHW = rows_BH[:, :, None] * width + columns_BW[:, None, :]
    images_BHWC = images_BCHW.permute(0, 2, 3, 1).reshape(batch * height * width, channels)
    return images_BHWC.index_select(0, pixels_BHW.flatten()).view(batch, height, width, channels).permute(0, 3, 1, 2)


def random_shift_and_flip(
    images_BCHW: Tensor, generator: torch.Generator, *, padding: float, flip: bool, flip_B: Tensor | None = None
) -> Tensor:
    """Crop each image at a random position after reflect padding, and mirror half of the images.

    This is the usual augmentation of CIFAR (He et al. 2016, https://arxiv.org/abs/1512.03385, section 4.2), with
    reflection instead of zeros.

    Args:
        padding: Padding on each side as a share of the image's side; every offset is equally likely.
        flip: Whether to mirror each image with probability 1/2.
        flip_B: The images to mirror, ``bool``, instead of drawing them.
    """
    batch, _, height, width = images_BCHW.shape

    def shifts(side: int) -> Tensor:
        reach = min(round(padding * side), side - 1)
        return integers(generator, batch, -reach, reach + 1)

    shift_y_B, shift_x_B = shifts(height), shifts(width)
    if flip_B is None:
        flip_B = uniform(generator, batch) < (0.5 if flip else 0.0)
    return shift_and_flip(images_BCHW, shift_y_B, shift_x_B, flip_B)


def resized_crop(images_BCHW: Tensor, boxes_B4: Tensor) -> Tensor:
    """Crop a box from each image and resize it to the full size with bilinear interpolation.

    Args:
        images_BCHW: Images in ``uint8``, or floats in [0, 1].
        boxes_B4: Top, left, height and width of each box in pixels, inside the image. Boxes are never larger than
            the image, so no anti-aliasing is needed.

    Returns:
        Images of the same shape and dtype.
    """
    _, _, height, width = images_BCHW.shape
    top_B, left_B, box_height_B, box_width_B = boxes_B4.float().unbind(1)
    theta_B23 = torch.zeros(len(images_BCHW), 2, 3, device=images_BCHW.device)
    theta_B23[:, 0, 0] = box_width_B / width
    theta_B23[:, 1, 1] = box_height_B / height
    theta_B23[:, 0, 2] = (2 * left_B + box_width_B) / width - 1
    theta_B23[:, 1, 2] = (2 * top_B + box_height_B) / height - 1
    return from_pixels(warp(to_pixels(images_BCHW), theta_B23, padding_mode="border"), images_BCHW.dtype)


def draw_boxes(
    batch: int,
    height: int,
    width: int,
    generator: torch.Generator,
    *,
    smallest_area: float,
    largest_area: float = 1.0,
    largest_ratio: float = 4 / 3,
) -> Tensor:
    """Draw boxes ``[B, 4]`` (top, left, height, width; whole pixels) of random area, aspect ratio and position.

    The area is uniform in [smallest_area, largest_area] of the image, and the ratio of width to height is log-uniform
    in [1 / largest_ratio, largest_ratio]. Draws that do not fit are rejected, and after ten of them the box is the
    whole image (Szegedy et al. 2015, https://arxiv.org/abs/1409.4842, in the form in common use).
    """
    drawn = uniform(generator, batch, before=(2,), after=(10,))
    area = height * width * (smallest_area + (largest_area - smallest_area) * drawn[0])
    ratio = torch.exp(math.log(largest_ratio) * (2 * drawn[1] - 1))
    box_width = (area * ratio).sqrt().round()
    box_height = (area / ratio).sqrt().round()
    fits = (box_width >= 1) & (box_width <= width) & (box_height >= 1) & (box_height <= height)
    first = fits.int().argmax(1, keepdim=True)
    any_fits = fits.any(1)
    box_width_B = torch.where(any_fits, box_width.gather(1, first)[:, 0], float(width))
    box_height_B = torch.where(any_fits, box_height.gather(1, first)[:, 0], float(height))
    place_2B = uniform(generator, batch, before=(2,))
    top_B = (place_2B[0] * (height - box_height_B + 1)).floor()
    left_B = (place_2B[1] * (width - box_width_B + 1)).floor()
    return torch.stack([top_B, left_B, box_height_B, box_width_B], dim=1)


def random_resized_crop(images_BCHW: Tensor, generator: torch.Generator, *, smallest_area: float) -> Tensor:
    """Crop a random box (see :func:`draw_boxes`) from each image and resize it to the full size."""
    batch, _, height, width = images_BCHW.shape
    return resized_crop(images_BCHW, draw_boxes(batch, height, width, generator, smallest_area=smallest_area))


def warp(images_BCHW: Tensor, theta_B23: Tensor, *, padding_mode: str) -> Tensor:
    """Warp float images bilinearly; *theta_B23* maps output to input coordinates, [-1, 1] from edge to edge."""
    grid_BHW2 = functional.affine_grid(theta_B23, list(images_BCHW.shape), align_corners=False)
    return functional.grid_sample(
        images_BCHW, grid_BHW2, mode="bilinear", padding_mode=padding_mode, align_corners=False
    )


def _reflect(index: Tensor, size: int) -> Tensor:
    """Reflect an index that is out of range by less than *size*, without repeating the edge."""
    return (size - 1) - ((size - 1) - index.abs()).abs()
