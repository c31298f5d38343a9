"""Normalisation: converting ``uint8`` images to a network's floating-point input.

Shape suffixes: B batch, C channels, H height, W width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


class ChannelStatistics(Protocol):
    """Any object with a mean and a standard deviation per channel, for pixels scaled to [0, 1]."""

    @property
    def mean(self) -> tuple[float, ...]:
        """Mean per channel."""

    @property
    def std(self) -> tuple[float, ...]:
        """Standard deviation per channel."""


_LARGE_VALUES = 96 * 96 * 3
"""Values of an image from which images are normalised one by one on the CPU."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Normalization:
    """Mean and standard deviation per channel that a network's images are normalised with."""

    mean: tuple[float, ...]
    """Mean of each channel, for pixels scaled to [0, 1]."""
    std: tuple[float, ...]
    """Standard deviation of each channel, for pixels scaled to [0, 1]."""


class Normalizer:
    """Maps ``uint8`` images ``[B, C, H, W]`` to ``(pixel / 255 - mean) / std`` in float32, in one pass."""

    def __init__(self, statistics: ChannelStatistics, device: torch.device, *, channels_last: bool = False) -> None:
        mean_C = torch.tensor(statistics.mean, dtype=torch.float64)
        # A constant channel, such as in blank images, has a standard deviation of 0, which cannot be divided by.
        std_C = torch.tensor(statistics.std, dtype=torch.float64).clamp_min(1e-6)
        self._scale_C = (1 / (255 * std_C)).float().to(device)
        self._shift_C = (-mean_C / std_C).float().to(device)
        self.channels_last = channels_last
        """Whether floats are in channels-last memory."""
        self._rows: tuple[int, Tensor, Tensor] | None = None

    def __call__(self, images_BCHW: Tensor) -> Tensor:
        """Return normalised float32 images in the requested memory layout."""
        if images_BCHW.shape[1] != len(self._scale_C):
            raise ValueError(f"images have {images_BCHW.shape[1]} channels, the statistics {len(self._scale_C)}")
        images_BHWC = images_BCHW.permute(0, 2, 3, 1)
        if self.channels_last and images_BHWC.is_contiguous():
            batch, height, width, channels = images_BHWC.shape
            scale_M, shift_M = self._row_constants(width)
            # Process whole rows: broadcasting over three channels would leave the CPU's vector units idle.
            pixels_BHM = images_BHWC.reshape(batch, height, width * channels)
            if pixels_BHM.device.type == "cpu" and height * width * channels >= _LARGE_VALUES:
                flat_BHM = _one_by_one(pixels_BHM, scale_M, shift_M)
            else:
                flat_BHM = torch.addcmul(shift_M, pixels_BHM, scale_M)
            return flat_BHM.view(batch, height, width, channels).permute(0, 3, 1, 2)
        layout = torch.channels_last if self.channels_last else torch.contiguous_format
        floats_BCHW = images_BCHW.to(torch.float32, memory_format=layout)
        shift_C11, scale_C11 = self._shift_C.view(-1, 1, 1), self._scale_C.view(-1, 1, 1)
        return torch.addcmul(shift_C11, floats_BCHW, scale_C11, out=floats_BCHW)

    def write(self, image_HWC: Tensor, out_CHW: Tensor) -> None:
        """Normalise one image on the CPU into its place in a batch, to the bits of the whole batch. Thread-safe.

        Args:
            image_HWC: ``uint8``, contiguous.
            out_CHW: A float32 image of a batch in the requested memory layout.
        """
        height, width, channels = image_HWC.shape
        if not self.channels_last:
            out_CHW.copy_(image_HWC.permute(2, 0, 1))
            torch.addcmul(self._shift_C.view(-1, 1, 1), out_CHW, self._scale_C.view(-1, 1, 1), out=out_CHW)
            return
        scale_M, shift_M = self._row_constants(width)
        floats_HM = out_CHW.permute(1, 2, 0).view(height, width * channels)
        _into(floats_HM, image_HWC.reshape(height, width * channels), scale_M, shift_M)

    def _row_constants(self, width: int) -> tuple[Tensor, Tensor]:
        rows = self._rows  # which another thread may replace
        if rows is None or rows[0] != width:
            rows = self._rows = (width, self._scale_C.repeat(width), self._shift_C.repeat(width))
        return rows[1], rows[2]


def _one_by_one(pixels_BHM: Tensor, scale_M: Tensor, shift_M: Tensor) -> Tensor:
    """Normalise images whose floats fit into a cache, where torch would convert the whole batch in memory first."""
    floats_BHM = torch.empty(pixels_BHM.shape, dtype=torch.float32)
    for floats_HM, pixels_HM in zip(floats_BHM, pixels_BHM, strict=True):
        _into(floats_HM, pixels_HM, scale_M, shift_M)
    return floats_BHM


def _into(floats_HM: Tensor, pixels_HM: Tensor, scale_M: Tensor, shift_M: Tensor) -> None:
    torch.addcmul(shift_M, floats_HM.copy_(pixels_HM), scale_M, out=floats_HM)
