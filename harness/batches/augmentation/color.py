"""Colour: changes of brightness, contrast and saturation by a factor for each image, and of hue by an angle.

Images are floats in [0, 255]; results are clipped to that range. Shape suffixes: B batch, C channels, H height,
W width.
"""

from __future__ import annotations

import torch
from torch import Tensor

from harness.batches.augmentation.draws import uniform

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in brightness (ITU-R BT.601)."""


def gray(images_BCHW: Tensor) -> Tensor:
    """Return the brightness ``[B, 1, H, W]``; a single-channel image is returned as it is."""
    if images_BCHW.shape[1] == 1:
        return images_BCHW
    red_B1HW, green_B1HW, blue_B1HW = torch.split(images_BCHW, 1, dim=1)
    return LUMA[0] * red_B1HW + LUMA[1] * green_B1HW + LUMA[2] * blue_B1HW


def blend(images_BCHW: Tensor, other: Tensor, factor_B: Tensor) -> Tensor:
    """Return ``factor * images + (1 - factor) * other``, clipped to [0, 255]. Factors above 1 extrapolate."""
    factor_B111 = factor_B.view(-1, 1, 1, 1)
    return torch.lerp(other.expand_as(images_BCHW), images_BCHW, factor_B111).clamp(0, 255)


def brightness(images_BCHW: Tensor, factor_B: Tensor) -> Tensor:
    """Scale the pixels of each image."""
    return (images_BCHW * factor_B.view(-1, 1, 1, 1)).clamp(0, 255)


def contrast(images_BCHW: Tensor, factor_B: Tensor) -> Tensor:
    """Blend each image with its mean brightness."""
    return blend(images_BCHW, gray(images_BCHW).mean(dim=(1, 2, 3), keepdim=True), factor_B)


def saturation(images_BCHW: Tensor, factor_B: Tensor) -> Tensor:
    """Blend each image with its greyscale version."""
    return blend(images_BCHW, gray(images_BCHW), factor_B)


def hue(images_BCHW: Tensor, turn_B: Tensor) -> Tensor:
    """Rotate each image's hues around the colour circle; a grey image does not change.

    Args:
        turn_B: Angles in full turns: a third of a turn changes red to green.
    """
    if images_BCHW.shape[1] == 1:
        return images_BCHW
    red_BHW, green_BHW, blue_BHW = images_BCHW.unbind(1)
    value_BHW = images_BCHW.amax(dim=1)
    chroma_BHW = value_BHW - images_BCHW.amin(dim=1)
    divisor_BHW = torch.where(chroma_BHW > 0, chroma_BHW, 1.0)
    sixths_BHW = torch.where(
        value_BHW == red_BHW,
        (green_BHW - blue_BHW) / divisor_BHW,
        torch.where(
            value_BHW == green_BHW, 2 + (blue_BHW - red_BHW) / divisor_BHW, 4 + (red_BHW - green_BHW) / divisor_BHW
        ),
    )
    sixths_BHW = sixths_BHW + 6 * turn_B.view(-1, 1, 1)
    # From hue, chroma and value back to each of red, green and blue, which are a third of a turn apart.
    place_BCHW = torch.stack([(start + sixths_BHW).remainder(6) for start in (5, 3, 1)], dim=1)
    share_BCHW = torch.minimum(place_BCHW, 4 - place_BCHW).clamp(0, 1)
    return value_BHW[:, None] - chroma_BHW[:, None] * share_BCHW


def random_hue(images_BCHW: Tensor, generator: torch.Generator, *, strength: float) -> Tensor:
    """Rotate each image's hues by an angle drawn uniformly from ± *strength* of a full turn."""
    return hue(images_BCHW, strength * (2 * uniform(generator, len(images_BCHW)) - 1))


def random_color(images_BCHW: Tensor, generator: torch.Generator, *, strength: float) -> Tensor:
    """Change brightness, contrast and saturation, in this order, by factors drawn uniformly from 1 ± *strength*."""
    batch = len(images_BCHW)
    for change in (brightness, contrast, saturation):
        images_BCHW = change(images_BCHW, 1 + strength * (2 * uniform(generator, batch) - 1))
    return images_BCHW
