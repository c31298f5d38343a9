"""Flipping: which images of an epoch are mirrored, where that alternates.

Shape suffix: N training images, or as many draws of an epoch.
"""

from __future__ import annotations

import torch
from torch import Tensor

from harness.randomness import make_generator


class AlternatingFlip:
    """Mirrors each image in every other epoch, half of the images in the odd ones and half in the even.

    Two epochs so show every image in both forms, where independent draws show half of the images twice the same way
    (Jordan 2024, arXiv:2404.00498). Which half an image is in derives from the seed alone, so that
    nothing need be stored to resume.

    Args:
        num_images: N.
        device: Where :meth:`of_epoch` puts its answer.
    """

    def __init__(self, num_images: int, *, seed: int, device: torch.device) -> None:
        generator = make_generator(torch.device("cpu"), seed, "alternating flip")
        self._in_odd_epochs_N = torch.rand(num_images, generator=generator) < 0.5
        self._device = device

    def of_epoch(self, epoch: int, order_N: Tensor) -> Tensor:
        """Tell for each draw of an epoch whether it is mirrored.

        Args:
            epoch: From 1.
            order_N: ``int64`` indices of the images in the order of the epoch, on the CPU; one may come repeatedly.

        Returns:
            ``bool`` ``[N]``.
        """
        flip_N = self._in_odd_epochs_N[order_N] ^ (epoch % 2 == 0)
        return flip_N.to(self._device)
