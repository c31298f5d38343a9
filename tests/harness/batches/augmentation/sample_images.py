"""Images and settings that the tests of augmentation share."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo import Hyperparameters

FILL_C = torch.tensor([120, 110, 100], dtype=torch.uint8)

EVERYTHING = Hyperparameters(
    crop_padding=0.125,
    flip=True,
    random_resized_crop=0.5,
    cutout=0.25,
    random_erasing=0.5,
    color_jitter=0.4,
    hue_jitter=0.1,
    randaugment_ops=2,
    randaugment_magnitude=0.5,
    trivialaugment=True,
)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def some_images(batch: int = 16, channels: int = 3, height: int = 16, width: int = 16) -> Tensor:
    images_BHWC = torch.randint(0, 256, (batch, height, width, channels), dtype=torch.uint8, generator=generator(1))
    return images_BHWC.permute(0, 3, 1, 2)


def smooth_images(batch: int = 8, side: int = 32) -> Tensor:
    """Images without sharp edges, on which methods of sampling agree."""
    small_BCHW = torch.rand(batch, 3, 4, 4, generator=generator(2)) * 255
    return torch.nn.functional.interpolate(small_BCHW, side, mode="bicubic").clamp(0, 255).to(torch.uint8)
