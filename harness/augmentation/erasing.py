"""Erasing: a square of each image painted over.

Shape suffixes: B batch, C channels, H height, W width.
"""

from __future__ import annotations

import torch
from torch import Tensor


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
    device = images_BCHW.device
    center_y_B = torch.randint(height, (batch,), generator=generator, device=device)
    center_x_B = torch.randint(width, (batch,), generator=generator, device=device)
    box_height_B = torch.full_like(center_y_B, max(1, round(side * height)))
    box_width_B = torch.full_like(center_x_B, max(1, round(side * width)))
    mask_B1HW = inside_boxes(center_y_B, center_x_B, box_height_B, box_width_B, height=height, width=width)
    return torch.where(mask_B1HW, fill_C.view(-1, 1, 1), images_BCHW)
