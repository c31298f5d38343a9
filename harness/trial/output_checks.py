"""Checks of a trained network's outputs: they must not be random or depend on the other images in a batch.

Otherwise the accuracy would be meaningless, because it would change with each pass or with the batch size. Shape
suffixes: B batch, C channels, H height, W width, N images, K classes.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from harness.batches.device_images import DeviceImages
from harness.batches.forward_settings import ForwardSettings
from harness.data.images import ImageSet
from harness.faults.errors import TrialError
from harness.faults.out_of_memory import Halving
from harness.records.record import FailureKind
from harness.training.evaluation import eval_mode
from harness.training.precision import computing

NUM_IMAGES = 8
_MOST_BY_CHANCE = 20
"""Number of logits from which on they are hardly all between 0 and 1 unless they are made to be."""
_TOLERANCE = {"fp32": 0.01, "bf16": 0.2, "fp16": 0.2}
"""Tolerance for a logit, in standard deviations of all logits, because kernels round differently by batch size."""


def check_outputs(
    model: nn.Module,
    test: ImageSet,
    settings: ForwardSettings,
    logits_NK: Tensor,
    *,
    predict: Callable[[nn.Module, Tensor], Tensor] | None = None,
) -> tuple[str, ...]:
    """Predict a few test images again, together and two by themselves, and return notes on the outputs.

    Args:
        logits_NK: The predictions for *test*, on the CPU.
        predict: A function of ``(model, images_BCHW)`` to call instead of the model.

    Raises:
        TrialError: If images get different logits in a second pass, or an image does by itself (kind plugin).
    """
    num_images = min(NUM_IMAGES, len(test))
    some = DeviceImages(test, settings.device, resident=False)
    images_BCHW, _ = next(some.batches(torch.arange(len(test))[:num_images], [num_images]))
    normalize = settings.normalizer()

    def logits_of(images_BCHW: Tensor) -> Tensor:
        inputs_BCHW = normalize(images_BCHW)
        output = model(inputs_BCHW) if predict is None else predict(model, inputs_BCHW)
        return output.float().cpu()

    with eval_mode(model), torch.inference_mode(), computing(settings.device, settings.precision):
        halving = Halving(settings.device, at_most=num_images)
        first_BK = halving.until_it_fits(lambda images: logits_of(images_BCHW[:images]))
        num_images = len(first_BK)
        second_BK = logits_of(images_BCHW[:num_images])
        # Both ends: added to all others, the logits of the first image leave it as it is by itself, as do the last's.
        ends = sorted({0, num_images - 1})
        try:
            alone_BK = torch.cat([logits_of(images_BCHW[end : end + 1]) for end in ends])
        except ValueError as error:  # such as of batch norm without running statistics
            raise TrialError(
                FailureKind.PLUGIN,
                "the network fails for an image by itself, though not in a batch: something in it needs the other "
                f"images of a batch in evaluation, such as batch norm without running statistics ({error})",
            ) from error
    allowed = _TOLERANCE[settings.precision] * float(logits_NK.std()) if logits_NK.numel() > 1 else 0.0
    if _largest(first_BK - second_BK) > allowed:
        raise TrialError(
            FailureKind.PLUGIN,
            "the network gives the same test images different logits in a second pass: something in it is random in "
            "evaluation, such as dropout without training=self.training",
        )
    if _largest(first_BK[ends] - alone_BK) > allowed or _largest(first_BK - logits_NK[:num_images]) > allowed:
        raise TrialError(
            FailureKind.PLUGIN,
            "the logits of an image change with the other images in its batch: something in the network mixes the "
            "images of a batch in evaluation",
        )
    return _probability_note(logits_NK)


_SPANNED = 0.1
"""How near to 0 and 1 outputs of a sigmoid come on some test images once the network has learnt something."""


def _probability_note(logits_NK: Tensor) -> tuple[str, ...]:
    """Return a note on outputs that are probabilities; logits of a network that learnt something are not in [0, 1]."""
    if not bool(((logits_NK >= 0) & (logits_NK <= 1)).all()) or logits_NK.shape[1] < 2:
        return ()
    if _largest(logits_NK.sum(dim=1) - 1) < 1e-2:
        return (
            "the outputs for each image are between 0 and 1 and sum to 1: the network seems to end in a softmax, where "
            "logits are expected; the loss and all probabilities apply a second one",
        )
    least, largest = float(logits_NK.min()), float(logits_NK.max())
    if logits_NK.numel() < _MOST_BY_CHANCE or least == 0.0:  # ReLU gives zeros, a sigmoid none
        return ()
    if least > _SPANNED or largest < 1 - _SPANNED:  # logits of a network that has hardly learnt may lie anywhere within
        return ()
    most = math.e / (math.e + logits_NK.shape[1] - 1)
    return (
        "all outputs are between 0 and 1: the network seems to end in a sigmoid, where logits are expected; "
        f"cross-entropy then gives no class a probability above {most:.0%}; leave out the sigmoid",
    )


def _largest(difference: Tensor) -> float:
    return float(difference.abs().max()) if difference.numel() else 0.0
