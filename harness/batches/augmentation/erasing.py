"""Erasing: a square or a rectangle of each image painted over.

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
    """Return a ``bool`` mask ``[B, 1, H, W]`` of the pixels within each box; what lies outside the image is cut off.

    A box of size s around pixel c covers the pixels ``c - s // 2`` to ``c - s // 2 + s - 1``.
    """
    rows_H = torch.arange(height, device=center_y_B.device)
    columns_W = torch.arange(width, device=center_y_B.device)
    top_B1, left_B1 = (center_y_B - box_height_B // 2)[:, None], (center_x_B - box_width_B // 2)[:, None]
    in_rows_BH = (rows_H >= top_B1) & (rows_H < top_B1 + box_height_B[:, None])
    in_columns_BW = (columns_W >= left_B1) & (columns_W < left_B1 + box_width_B[:, None])
    return (in_rows_BH[:, :, None] & in_columns_BW[:, None, :])[:, None]


def random_cutout(images_BCHW: Tensor, generator: torch.Generator, *, side: float, fill_C: Tensor) -> Tensor:
    """Paint a square over each image, its centre on a random pixel (DeVries & Taylor 2017, arXiv:1708.04552).

    Args:
        side: Side of the square as a share of the image's; at least one pixel.
        fill_C: The colour, of the images' type.
    """
    batch, _, height, width = images_BCHW.shape
    center_y_B = integers(generator, batch, 0, height)
    center_x_B = integers(generator, batch, 0, width)
    box_height_B = torch.full_like(center_y_B, max(1, round(side * height)))
    box_width_B = torch.full_like(center_x_B, max(1, round(side * width)))
    mask_B1HW = inside_boxes(center_y_B, center_x_B, box_height_B, box_width_B, height=height, width=width)
    return torch.where(mask_B1HW, fill_C.view(-1, 1, 1), images_BCHW)


def random_erasing(images_BCHW: Tensor, generator: torch.Generator, *, probability: float, fill_C: Tensor) -> Tensor:
    """Paint a rectangle over some images (Zhong et al. 2020, arXiv:1708.04896), inside the image as a whole.

    Its area is uniform in 2 to 33 % of the image's, its aspect ratio log-uniform in 0.3 to 1 / 0.3; an image into
    which ten such draws do not fit is left as it is. Those are the paper's settings and torchvision's, but for the
    paper's and torchvision's slightly lopsided 3.3.

    Args:
        probability: Of an image to be painted on.
        fill_C: The colour, of the images' type.
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
