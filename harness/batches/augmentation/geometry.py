"""Geometry: crops and flips, drawn for each image on its own.

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
    """Move each image's window by whole pixels over its reflect-padded self, then mirror those in *flip_B*.

    Args:
        images_BCHW: Any type, any layout.
        shift_y_B: ``int64``, how far down the window starts; its size is less than H.
        shift_x_B: ``int64``, how far to the right; its size is less than W.
        flip_B: ``bool``.

    Returns:
        Images of the same shape and type in channels-last memory. Padding, crop and flip are one gather of pixels.
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
    """Crop each image at a random place after reflect padding, and mirror half of them.

    The usual augmentation of CIFAR (He et al. 2016, https://arxiv.org/abs/1512.03385, section 4.2), with
    reflection in place of zeros.

    Args:
        padding: Pixels on each side as a share of the side; every offset is equally likely.
        flip: Whether to mirror an image with probability 1/2.
        flip_B: Which images to mirror, ``bool``, in place of that draw.
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
    """Cut a box out of each image and stretch it to the full size, bilinearly.

    Args:
        images_BCHW: ``uint8``, or floats in [0, 1].
        boxes_B4: Top, left, height and width of each box in pixels, inside the image. Boxes are never larger than
            the image, so that no anti-aliasing is needed.

    Returns:
        Images of the same shape and type.
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
    """Draw boxes ``[B, 4]`` (top, left, height, width; whole pixels) of random area, aspect ratio and place.

    Area is uniform in [smallest_area, largest_area] of the image, the ratio of width to height log-uniform in
    [1 / largest_ratio, largest_ratio]; draws that do not fit are rejected, and after ten of them the whole image is
    taken (Szegedy et al. 2015, https://arxiv.org/abs/1409.4842, in the form that has become usual).
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
    """Cut a random box out of each image (see :func:`draw_boxes`) and stretch it to the full size."""
    batch, _, height, width = images_BCHW.shape
    return resized_crop(images_BCHW, draw_boxes(batch, height, width, generator, smallest_area=smallest_area))


def warp(images_BCHW: Tensor, theta_B23: Tensor, *, padding_mode: str) -> Tensor:
    """Sample float images bilinearly where *theta_B23* maps the output's coordinates, [-1, 1] from edge to edge."""
    grid_BHW2 = functional.affine_grid(theta_B23, list(images_BCHW.shape), align_corners=False)
    return functional.grid_sample(
        images_BCHW, grid_BHW2, mode="bilinear", padding_mode=padding_mode, align_corners=False
    )


def _reflect(index: Tensor, size: int) -> Tensor:
    """Fold an index that is outside by less than *size* back in; the edge itself is not repeated."""
    return (size - 1) - ((size - 1) - index.abs()).abs()
