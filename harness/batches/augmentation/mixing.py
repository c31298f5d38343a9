"""Mixing: mixup and CutMix, drawn for each image. Targets become probabilities.

Shape suffixes: N images of an epoch, B batch, C channels, H height, W width, K classes.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from harness.batches.augmentation.erasing import inside_boxes
from harness.batches.rank_share import BatchShare
from harness.randomness import derive_seed


class Mixing:
    """The draws of an epoch for mixup (arXiv:1710.09412), CutMix (arXiv:1905.04899), or either with equal probability.

    Args:
        mixup_alpha: The share that an image keeps is drawn from Beta(alpha, alpha); 0 disables mixup.
        cutmix_alpha: The same for CutMix.
        num_images: Number of images in the epoch.
    """

    def __init__(
        self,
        *,
        mixup_alpha: float,
        cutmix_alpha: float,
        num_images: int,
        num_classes: int,
        seed: int,
        epoch: int,
        device: torch.device,
    ) -> None:
        rng = np.random.Generator(np.random.PCG64(derive_seed(seed, "mixing", epoch)))
        odds = {(True, False): 0.0, (False, True): 1.0, (True, True): 0.5}[mixup_alpha > 0, cutmix_alpha > 0]
        cut_N = rng.random(num_images) < odds
        keep_N = np.ones(num_images)
        for chosen_N, alpha in ((~cut_N, mixup_alpha), (cut_N, cutmix_alpha)):
            if alpha > 0:
                keep_N = np.where(chosen_N, rng.beta(alpha, alpha, num_images), keep_N)
        self._num_classes = num_classes
        self._cut_N = torch.from_numpy(cut_N).to(device)
        self._keep_N = torch.from_numpy(keep_N.astype(np.float32)).to(device)
        self._center_N2 = torch.from_numpy(rng.random((num_images, 2), dtype=np.float32)).to(device)

    def apply(
        self, images_BCHW: Tensor, labels_B: Tensor, *, start: int, share: BatchShare | None = None
    ) -> tuple[Tensor, Tensor]:
        """Mix each float image of a batch with its neighbour, which is a random image because epochs are shuffled.

        Args:
            start: Start of the batch within the epoch.
            share: The local part of the batch, including the neighbours of the images to return; None: the whole batch.

        Returns:
            Mixed images and target probabilities ``[B, K]``. A pasted box has the share 1 - keep of the image's
            area before it is clipped at the edges; the targets follow the clipped area.
        """
        height, width = images_BCHW.shape[2:]
        if share is None:
            drawn: slice | Tensor = slice(start, start + len(images_BCHW))
            # Unlike roll(), this keeps channels-last memory on a GPU.
            others_BCHW = torch.cat([images_BCHW[-1:], images_BCHW[:-1]])
            other_labels_B = labels_B.roll(1, 0)
        else:
            drawn = start + share.rows_B
            others_BCHW, other_labels_B = share.neighbours(images_BCHW), share.neighbours(labels_B)
            images_BCHW, labels_B = share.own(images_BCHW), share.own(labels_B)
        cut_B, keep_B, center_B2 = self._cut_N[drawn], self._keep_N[drawn], self._center_N2[drawn]
        side_B = (1 - keep_B).sqrt()
        box_B1HW = inside_boxes(
            (center_B2[:, 0] * height).long().clamp_max(height - 1),
            (center_B2[:, 1] * width).long().clamp_max(width - 1),
            (side_B * height).round().long(),
            (side_B * width).round().long(),
            height=height,
            width=width,
        ).to(images_BCHW.dtype)
        cut_B111 = cut_B.view(-1, 1, 1, 1)
        share_B1HW = torch.where(cut_B111, box_B1HW, (1 - keep_B).view(-1, 1, 1, 1).to(images_BCHW.dtype))
        mixed_BCHW = torch.lerp(images_BCHW, others_BCHW, share_B1HW)
        targets_BK = functional.one_hot(labels_B, self._num_classes).float()
        other_targets_BK = functional.one_hot(other_labels_B, self._num_classes).float()
        share_B1 = share_B1HW.float().mean(dim=(1, 2, 3)).unsqueeze(1)
        return mixed_BCHW, torch.lerp(targets_BK, other_targets_BK, share_B1)
