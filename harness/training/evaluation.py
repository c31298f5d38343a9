"""Evaluation: the logits of a split in one pass, and their loss and accuracy.

Shape suffixes: N images, B batch, C channels, H height, W width, K classes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from harness.batches.device_images import DeviceImages
from harness.batches.forward_settings import ForwardSettings
from harness.data.images import ImageSet
from harness.faults.errors import TrialError
from harness.faults.out_of_memory import Halving
from harness.networks.state_dicts import not_finite
from harness.records.record import FailureKind
from harness.training.distributed.ranks import ALONE, Ranks
from harness.training.precision import computing

PIXELS_PER_BATCH = {"cpu": 2**18, "cuda": 2**23, "mps": 2**21}
"""Pixels per batch by device: a batch that fits into a CPU's caches, or keeps a GPU busy."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Evaluation:
    """Loss and accuracy of logits."""

    loss: float
    """Mean cross-entropy, without smoothing or weights."""
    accuracy: float
    """Share in [0, 1]; where m logits share the maximum, an image counts 1/m if the true class is among them."""


def predict_logits(
    model: nn.Module,
    images: ImageSet | DeviceImages,
    settings: ForwardSettings,
    *,
    batch_size: int | None = None,
    predict: Callable[[nn.Module, Tensor], Tensor] | None = None,
    num_classes: int | None = None,
    ranks: Ranks = ALONE,
    what: str = "logits",
) -> Tensor:
    """Return the logits ``[N, K]`` of all images in order, float32 on the CPU. The model's modes are preserved.

    Args:
        model: A model on the device and in the memory format of *settings*. It runs as given, compiled or not.
        batch_size: Images at a time, halved when memory runs out; None: chosen for the device.
        predict: A function of ``(model, images_BCHW)`` to call instead of the model.
        num_classes: The K that the network must return; None: any.
        ranks: With several, each rank predicts some of the batches, and N counts only those images.
        what: What errors call the output, such as features.

    Raises:
        TrialError: If the output is not logits (kind plugin) or not finite (kind diverged), or there is not enough
            memory for one image (kind oom).
    """
    device = settings.device
    data = images if isinstance(images, DeviceImages) else DeviceImages(images, device)
    batch = batch_size or default_batch_size(data, device)
    normalize = settings.normalizer()
    order_N = torch.arange(len(data))[_own_images(len(data), batch, ranks)]
    sizes = [len(indices) for indices in torch.split(order_N, batch) if len(indices)]
    halving = Halving(device, at_most=batch)
    parts = []

    def logits_of(images_BCHW: Tensor) -> Tensor:
        inputs_BCHW = normalize(images_BCHW)
        output = model(inputs_BCHW) if predict is None else predict(model, inputs_BCHW)
        return checked_logits(output, len(images_BCHW), num_classes, what=what).float()

    with eval_mode(model), torch.inference_mode(), computing(device, settings.precision):
        for images_BCHW, _ in data.batches(order_N, sizes):
            done = 0
            while done < len(images_BCHW):  # one iteration, unless memory runs out
                some_BCHW = images_BCHW[done : done + halving.at_most]
                with halving.attempt(len(some_BCHW)):
                    parts.append(logits_of(some_BCHW))
                    done += len(some_BCHW)
        logits_NK = torch.cat(parts).cpu() if parts else torch.empty(0, num_classes or 0)
    return _finite(logits_NK, model, what)


def predict_batch(
    model: nn.Module,
    images_BHWC: Tensor,
    settings: ForwardSettings,
    normalize: Callable[[Tensor], Tensor],
    *,
    batch_size: int,
    predict: Callable[[nn.Module, Tensor], Tensor] | None = None,
    num_classes: int | None = None,
) -> Tensor:
    """Return the logits ``[B, K]`` of ``uint8`` images on the host, as :func:`predict_logits` does, with less overhead.

    The images cross to the device once, and the logits come back once.

    Args:
        normalize: The normaliser of *settings*, made once for many calls.
        batch_size: Images at a time, halved when memory runs out.

    Raises:
        TrialError: As for :func:`predict_logits`.
    """
    halving = Halving(settings.device, at_most=batch_size)
    parts: list[Tensor] = []
    done = 0
    with eval_mode(model), torch.inference_mode(), computing(settings.device, settings.precision):
        while done < len(images_BHWC):
            some_BHWC = images_BHWC[done : done + halving.at_most]
            with halving.attempt(len(some_BHWC)):
                inputs_BCHW = normalize(some_BHWC.to(settings.device).permute(0, 3, 1, 2))
                output = model(inputs_BCHW) if predict is None else predict(model, inputs_BCHW)
                parts.append(checked_logits(output, len(some_BHWC), num_classes).float())
                done += len(some_BHWC)
        logits_BK = (parts[0] if len(parts) == 1 else torch.cat(parts)).cpu()
    return _finite(logits_BK, model)


def _finite(logits_NK: Tensor, model: nn.Module, what: str = "logits") -> Tensor:
    # A plain copy, because inference-mode tensors cannot be used everywhere.
    logits_NK = logits_NK.clone()
    if not torch.isfinite(logits_NK).all():
        bad = int((~torch.isfinite(logits_NK)).any(dim=1).sum())
        problem = f"the {what} of {bad} of {len(logits_NK)} images are not finite"
        odd = not_finite(model)
        raise TrialError(FailureKind.DIVERGED, f"{problem}: {odd}" if odd else problem)
    return logits_NK


def _judge(logits_NK: Tensor, labels_N: Tensor) -> Tensor:
    """Return each image's cross-entropy and its share of the accuracy, ``float64 [N, 2]``."""
    logits_NK, labels_N = logits_NK.double(), labels_N.to(logits_NK.device)
    is_top_NK = logits_NK == logits_NK.amax(dim=1, keepdim=True)
    credit_N = is_top_NK.gather(1, labels_N[:, None])[:, 0] / is_top_NK.sum(dim=1)
    return torch.stack([functional.cross_entropy(logits_NK, labels_N, reduction="none"), credit_N.double()], dim=1)


def _mean(judged_N2: Tensor) -> Evaluation:
    loss, accuracy = judged_N2.mean(dim=0).tolist()
    return Evaluation(loss=loss, accuracy=accuracy)


def evaluate_logits(logits_NK: Tensor, labels_N: Tensor) -> Evaluation:
    """Return the loss and accuracy of logits."""
    return _mean(_judge(logits_NK, labels_N))


def evaluate(
    model: nn.Module,
    images: ImageSet | DeviceImages,
    settings: ForwardSettings,
    *,
    predict: Callable[[nn.Module, Tensor], Tensor] | None = None,
    num_classes: int | None = None,
    ranks: Ranks = ALONE,
) -> Evaluation:
    """Predict a split and return the loss and accuracy; see :func:`predict_logits` for arguments and errors.

    Several ranks share the batches, and each returns the evaluation of all images.
    """
    data = images if isinstance(images, DeviceImages) else DeviceImages(images, settings.device)
    batch = default_batch_size(data, settings.device)
    logits_NK = predict_logits(
        model, data, settings, batch_size=batch, predict=predict, num_classes=num_classes, ranks=ranks
    )
    own = _own_images(len(data), batch, ranks)
    return _mean(ranks.gather_slices(_judge(logits_NK, data.labels_N[own]), own, total=len(data)))


def _own_images(total: int, batch: int, ranks: Ranks) -> slice:
    """Return the images that a rank predicts: whole batches, the same as in a single process."""
    batches = ranks.share_of(-(-total // batch))
    return slice(batches.start * batch, min(batches.stop * batch, total))


def default_batch_size(images: DeviceImages, device: torch.device) -> int:
    """Return how many of *images* to predict at a time."""
    return batch_size_for(*images.image_size, device)


def batch_size_for(height: int, width: int, device: torch.device) -> int:
    """Return how many images of this size to predict at a time."""
    return max(16, min(4096, PIXELS_PER_BATCH.get(device.type, 2**20) // (height * width)))


def checked_logits(output: object, batch: int, num_classes: int | None, *, what: str = "logits") -> Tensor:
    """Return a network's output if it has the shape and type of logits ``[B, K]``.

    Raises:
        TrialError: If the output is anything else.
    """
    if isinstance(output, Tensor) and output.is_floating_point() and output.ndim == 2:
        rows, columns = output.shape
        if rows == batch and columns == (num_classes or columns):
            return output
    given = type(output).__name__
    if isinstance(output, Tensor):
        given = f"{str(output.dtype).removeprefix('torch.')} {list(output.shape)}"
    raise TrialError(
        FailureKind.PLUGIN, f"the network returned {given}, not floating-point {what} [{batch}, {num_classes or 'K'}]"
    )


@contextmanager
def eval_mode(model: nn.Module) -> Iterator[None]:
    """Put every module into eval mode for the body, then restore the mode of each."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, was_training in modes:
            module.training = was_training
