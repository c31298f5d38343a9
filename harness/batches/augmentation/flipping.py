"""Alternating flips: which images of an epoch are mirrored.

Shape suffix: N training images, or draws of an epoch.
"""

from __future__ import annotations

import torch
from torch import Tensor

from harness.randomness import make_generator


class AlternatingFlip:
    """Mirrors each image in every other epoch: half of the images in odd epochs, the others in even epochs.

    Two epochs therefore show every image both ways, whereas independent draws would show half of the images twice the
    same way (Jordan 2024, arXiv:2404.00498). An image's half is derived from the seed alone, so that resuming needs no
    stored state.

    Args:
        num_images: N.
        device: Device of the tensors that :meth:`of_epoch` returns.
    """

    def __init__(self, num_images: int, *, seed: int, device: torch.device) -> None:
        generator = make_generator(torch.device("cpu"), seed, "alternating flip")
        self._in_odd_epochs_N = torch.rand(num_images, generator=generator) < 0.5
        self._device = device

    def of_epoch(self, epoch: int, order_N: Tensor) -> Tensor:
        """Return for each draw of an epoch whether it is mirrored.

        Args:
            epoch: Number of the epoch, from 1.
            order_N: ``int64`` indices of the images in the order of the epoch, on the CPU, possibly with repetitions.

        Returns:
            A ``bool`` tensor ``[N]``.
        """
        flip_N = self._in_odd_epochs_N[order_N] ^ (epoch % 2 == 0)
        return flip_N.to(self._device)
