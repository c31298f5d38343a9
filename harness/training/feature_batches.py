"""Feature batches: what the engine trains a linear head on, where a frozen backbone gives the same features each epoch.

Shape suffixes: N images, B batch, D features, K classes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from harness.batches.device_images import batch_sizes, epoch_order
from harness.data.images import ImageSet, PreparedData
from harness.training.evaluation import Evaluation, checked_logits, eval_mode, evaluate_logits
from zoo.hyperparameters import Hyperparameters

_CHUNK = 4_096
"""Number of images whose logits are computed at a time."""


class LinearHead(nn.Module):
    """A network that is nothing but its head: maps features ``[B, D]`` to logits ``[B, K]``."""

    def __init__(self, head: nn.Linear) -> None:
        super().__init__()
        self.head = head

    def forward(self, features_BD: Tensor) -> Tensor:
        logits_BK: Tensor = self.head(features_BD)
        return logits_BK


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class TrialFeatures:
    """The features of a trial's images, in place of the images."""

    prepared: PreparedData
    train: ImageSet
    """The training images; only their labels count."""
    train_ND: Tensor
    """Features of the training images, on the device that trains."""
    val_ND: Tensor
    val_labels_N: Tensor

    def evaluate(self, head: nn.Module) -> Evaluation:
        """Return the loss and accuracy of a head on the features of the validation images.

        Raises:
            TrialError: If its output is not logits (kind plugin).
        """
        num_classes = len(self.prepared.classes)
        parts = [torch.empty(0, num_classes)]
        with eval_mode(head), torch.inference_mode():
            for some_BD in torch.split(self.val_ND, _CHUNK):
                parts.append(checked_logits(head(some_BD), len(some_BD), num_classes).float().cpu())
        return evaluate_logits(torch.cat(parts), self.val_labels_N)


class FeatureBatches:
    """The batches of each epoch, as :class:`harness.batches.epoch_batches.EpochBatches` gives those of images.

    The order of the images is the same.

    Args:
        hp: The batch size and sampling.
        seed: The source of the order, together with the epoch.
    """

    mixes = False
    has_own_targets = False
    resident_bytes = 0

    def __init__(self, features: TrialFeatures, hp: Hyperparameters, *, seed: int) -> None:
        self.sizes = batch_sizes(len(features.train), hp.batch_size)
        self.num_images = len(features.train)
        self._features_ND, self._seed, self._sampling = features.train_ND, seed, hp.sampling
        self._order_labels_N = features.train.labels_N
        self._labels_N = torch.from_numpy(features.train.labels_N.copy()).to(self._features_ND.device)

    def some(self, most: int) -> Tensor:
        """Return the features of up to *most* random images, always the same ones."""
        order_N = epoch_order(self._order_labels_N, "shuffle", seed=self._seed, epoch=0)[:most]
        return self._features_ND[order_N.to(self._features_ND.device)]

    def of_epoch(self, epoch: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Yield ``(features_BD, labels_B, labels_B)`` for each batch of an epoch, counted from 1."""
        order_N = epoch_order(self._order_labels_N, self._sampling, seed=self._seed, epoch=epoch)
        for indices_B in torch.split(order_N.to(self._features_ND.device), self.sizes):
            labels_B = self._labels_N[indices_B]
            yield self._features_ND[indices_B], labels_B, labels_B
