"""The training context: what a recipe's own training step is given.

Shape suffixes: B images of a micro-batch, C channels, H height, W width, K classes, D features.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn


class TrainingContext(Protocol):
    """What ``training_step(context, images_BCHW, targets)`` is given, and ``on_epoch_start(context)``.

    A step is called for each micro-batch and returns the mean loss of its images as a scalar. The engine adds the
    gradients, weighted so that they are those of the whole batch, clips and updates. A step that changes anything but
    gradients and buffers undoes it in a ``finally``: after running out of memory, it is called again with half the
    images. All that it draws comes from torch's global generators, which are seeded for each epoch.
    """

    model: nn.Module
    """The network. ``forward`` and ``logits`` call it as it is trained: compiled, or shared by several GPUs."""
    optimizer: torch.optim.Optimizer
    """The optimizer; its learning rates are those of the step."""
    hp: Any
    """The resolved hyperparameters."""
    device: torch.device
    num_classes: int
    mean: tuple[float, ...]
    """Mean per channel that the images were normalised with, for pixels in [0, 1]."""
    std: tuple[float, ...]
    """Standard deviation per channel."""
    step: int
    """Number of the step, from 0, over all epochs."""
    epoch: int
    """Number of the epoch, from 1."""
    epochs: int
    """Number of epochs."""
    steps_per_epoch: int
    cache: dict[str, Any]
    """Holds what a step keeps for the whole training, such as a teacher. It is empty again after a resume, so nothing
    that steps change belongs into it."""

    def forward(self, images_BCHW: Tensor) -> Any:
        """Return whatever the network returns in train mode, in the precision of the trial."""

    def logits(self, images_BCHW: Tensor) -> Tensor:
        """Return the network's logits, ``float32 [B, K]``."""

    def embed(self, images_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits ``float32 [B, K]``, and the features ``float32 [B, D]`` that the head got.

        Raises:
            TrialError: If the network is compiled, or has no head that can be found.
        """

    def loss(self, logits_BK: Tensor, targets: Tensor) -> Tensor:
        """Return the recipe's mean loss, with label smoothing and class weights where they are set."""

    def autocast(self) -> AbstractContextManager[object]:
        """Surround other networks' forward passes with the precision of the trial."""

    def backward(self, loss: Tensor) -> None:
        """Add the gradients of a mean loss; the engine then adds none for the loss that the step returns."""

    def gradients(self, loss: Tensor) -> list[Tensor]:
        """Return the gradients of a mean loss without adding them, for each of :meth:`parameters`; alone on one device.

        Raises:
            TrialError: With ``--gpus-per-trial`` above 1.
        """

    def parameters(self) -> list[nn.Parameter]:
        """Return the parameters that the optimizer updates."""
