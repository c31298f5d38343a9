"""Erasing: painting over a square or rectangle of each image.

Shape suffixes: B batch, C channels, H height, W width.
"""

from __future__ import annotations

import torch
from torch import Tensor

from harness.batches.augmentation.draws import integers, uniform
from harness.batches.augmentation.geometry import draw_boxes


def inside_boxes(
    center_y_B: Tensor, center_x_B: Tensor, box_height_B: Tensor, box_width_B: Tensor, *, height: int, width: int
) -> Tensor:
    """Return a ``bool`` mask ``[B, 1, H, W]`` of the pixels within each box, clipped to the image.

    A box of size s around pixel c covers the pixels ``c - s // 2`` to ``c - s // 2 + s - 1``.
    """
    rows_H = torch.arange(height, device=center_y_B.device)
    columns_W = torch.arange(width, device=center_y_B.device)
    top_B1, left_B1 = (center_y_B - box_height_B // 2)[:, None], (center_x_B - box_width_B // 2)[:, None]
    in_rows_BH = (rows_H >= top_B1) & (rows_H < top_B1 + box_height_B[:, None])
    in_columns_BW = (columns_W >= left_B1) & (columns_W < left_B1 + box_width_B[:, None])
    return (in_rows_BH[:, :, None] & in_columns_BW[:, None, :])[:, None]


def random_cutout(images_BCHW: Tensor, generator: torch.Generator, *, side: float, fill_C: Tensor) -> Tensor:
    """Erase a square around a random pixel of each image (DeVries & Taylor 2017, arXiv:1708.04552).

    Args:
        side: Side of the square as a share of the image's side; at least one pixel.
        fill_C: The colour, with the images' dtype.
    """
    batch, _, height, width = images_BCHW.shape
    center_y_B = integers(generator, batch, 0, height)
    center_x_B = integers(generator, batch, 0, width)
    box_height_B = torch.full_like(center_y_B, max(1, round(side * height)))
    box_width_B = torch.full_like(center_x_B, max(1, round(side * width)))
    mask_B1HW = inside_boxes(center_y_B, center_x_B, box_height_B, box_width_B, height=height, width=width)
    return torch.where(mask_B1HW, fill_C.view(-1, 1, 1), images_BCHW)


def random_erasing(images_BCHW: Tensor, generator: torch.Generator, *, probability: float, fill_C: Tensor) -> Tensor:
    """Erase a rectangle inside some of the images (Zhong et al. 2020, arXiv:1708.04896).

    Its area is uniform in 2 to 33 % of the image, and its aspect ratio log-uniform in [0.3, 1 / 0.3]. An image stays
    unchanged if ten such draws do not fit. These are the settings of the paper and of torchvision, except that both
    use 3.3 instead of 1 / 0.3, which is slightly asymmetric.

    Args:
        probability: Probability that an image is changed.
        fill_C: The colour, with the images' dtype.
    """
    batch, _, height, width = images_BCHW.shape
    boxes_B4 = draw_boxes(batch, height, width, generator, smallest_area=0.02, largest_area=0.33, largest_ratio=1 / 0.3)
    top_B, left_B, box_height_B, box_width_B = boxes_B4.long().unbind(1)
    erased_B = uniform(generator, batch) < probability
    erased_B &= (box_height_B < height) & (box_width_B < width)
    mask_B1HW = inside_boxes(
        top_B + box_height_B // 2, left_B + box_width_B // 2, box_height_B, box_width_B, height=height, width=width
    )
    return torch.where(mask_B1HW & erased_B.view(-1, 1, 1, 1), fill_C.view(-1, 1, 1), images_BCHW)
