"""Networks under test: how checks build them, run them, and compare what they return.

Shape suffixes: B batch, C channels, H height, W width, K classes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from harness.networks.building import build_model
from zoo.architecture import Architecture, ModelRequest
from zoo.errors import ZooError
from zoo.features import FeatureSet, Head
from zoo.options import Option
from zoo.recipe import Recipe
from zoo.testing.check_errors import CheckFailedError, NotApplicableError
from zoo.testing.samples import noise
from zoo.testing.subjects import Subject

SIZES = (16, 32, 64)
"""Image sizes that are tried before the native size, which may be large."""
TOLERANCE = 1e-3
"""Largest difference of logits between kernels and layouts, relative to the largest logit."""


def request_for(
    architecture: Architecture,
    *,
    size: int,
    channels: int = 3,
    classes: int = 10,
    options: Mapping[str, Option] | None = None,
) -> ModelRequest:
    """Return a request for a network with the default options, except for *options*."""
    return ModelRequest(
        num_classes=classes,
        in_channels=channels,
        image_size=size,
        options={**architecture.options, **(options or {})},
    )


def ready(
    subject: Subject[Architecture],
    *,
    seed: int = 0,
    classes: int = 10,
    sizes: Iterable[int] = SIZES,
) -> tuple[nn.Module, Tensor]:
    """Build the network for the smallest supported size of *sizes*, else for its native size.

    Returns:
        The network, and a batch of four images.
    """
    architecture = subject.record
    *smaller, native = _candidate_sizes(architecture, sizes)
    for size in smaller:
        with suppress(ZooError):
            return build(architecture, size=size, classes=classes, seed=seed), noise(4, 3, size)
    return build(architecture, size=native, classes=classes, seed=seed), noise(4, 3, native)


def build(
    architecture: Architecture,
    *,
    size: int,
    classes: int = 10,
    seed: int = 0,
    options: Mapping[str, Option] | None = None,
) -> nn.Module:
    """Build a network as in a trial, in train mode, for colour images of *size*."""
    request = request_for(architecture, size=size, classes=classes, options=options)
    return build_model(architecture, request, seed=seed, adapt=False)[0]


def _candidate_sizes(architecture: Architecture, sizes: Iterable[int]) -> Iterator[int]:
    step, native = architecture.min_size, architecture.native_size
    yield from sorted({size for least in sizes if (size := -(-least // step) * step) < native})
    yield native


def logits_of(model: nn.Module, images_BCHW: Tensor) -> Tensor:
    """Run the network; raise unless it returns floating-point logits ``[B, K]``."""
    logits_BK = model(images_BCHW)
    if not isinstance(logits_BK, Tensor):
        mode = "train" if model.training else "eval"
        raise CheckFailedError(f"in {mode} mode it returns {type(logits_BK).__name__}, not a tensor of logits")
    if logits_BK.ndim != 2 or len(logits_BK) != len(images_BCHW) or not logits_BK.is_floating_point():
        mode = "train" if model.training else "eval"
        raise CheckFailedError(
            f"in {mode} mode it returns {dtype_name(logits_BK)} {list(logits_BK.shape)} for {len(images_BCHW)} images, "
            "not floating-point logits [B, K]"
        )
    return logits_BK


def loss_of(logits_BK: Tensor) -> Tensor:
    """Return the cross-entropy of logits, with one label after the other."""
    return functional.cross_entropy(logits_BK, torch.arange(len(logits_BK)) % logits_BK.shape[1])


def tensors_of(model: nn.Module) -> dict[str, Tensor]:
    """Return the tensors of the state dict by name; they share memory with the network."""
    return {name: value.detach() for name, value in model.state_dict().items() if isinstance(value, Tensor)}


def require_finite(model: nn.Module, logits_BK: Tensor) -> None:
    """Raise unless the logits and all gradients are finite."""
    if not torch.isfinite(logits_BK).all():
        raise CheckFailedError("its logits are not finite")
    for name, parameter in model.named_parameters():
        if parameter.grad is not None and not torch.isfinite(parameter.grad).all():
            raise CheckFailedError(f"the gradient of {name} is not finite")


def require_close(expected_BK: Tensor, actual_BK: Tensor, what: str) -> None:
    """Raise if logits differ by more than :data:`TOLERANCE`; *what* says between which two."""
    difference = float((expected_BK - actual_BK).abs().max() / expected_BK.abs().max().clamp_min(1e-6))
    if not difference <= TOLERANCE:  # NaN is no small difference
        raise CheckFailedError(f"{what}: logits differ by {difference:.2g} of the largest one")


def dtype_name(tensor: Tensor) -> str:
    """Return the name of a dtype as in ``float32``."""
    return str(tensor.dtype).removeprefix("torch.")


def fitted_head(subject: Subject[Recipe], features: FeatureSet) -> nn.Module:
    """Return the head that a recipe fits, in eval mode.

    Raises:
        NotApplicableError: If it fits none.
        CheckFailedError: If it returns something else.
    """
    if subject.record.fit_head is None:
        raise NotApplicableError("it fits no head to features")
    head: Any = subject.record.fit_head(features, subject.record.hyperparameters())
    if not isinstance(head, Head) or not isinstance(head.module, nn.Module):
        raise CheckFailedError(f"fit_head returned {type(head).__name__}; expected zoo.Head with a module")
    return head.module.eval().requires_grad_(False)
