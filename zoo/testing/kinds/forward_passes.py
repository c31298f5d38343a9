"""Checks of what a network does in a pass; the table in :mod:`zoo.testing.checks` gives their rationales.

Shape suffixes: B batch, C channels, H height, W width, K classes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from harness.randomness import seed_global
from zoo.architecture import Architecture
from zoo.testing.check_errors import CheckFailedError
from zoo.testing.networks import logits_of, loss_of, ready, tensors_of
from zoo.testing.subjects import Subject

_SAME = 1e-5
"""Largest difference of two equal passes, relative to the largest value: threads may sum in another order."""
_PASSES = 8
"""Number of training passes, in one of which each parameter has to get a gradient: layers may be dropped at random."""
_STEEP = 1e4
"""Factor on the weights of the last layer that takes any logit far out of [0, 1]."""


def returns_logits(subject: Subject[Architecture]) -> None:
    model, images_BCHW = ready(subject)
    model.eval()
    with torch.no_grad():
        logits_BK = logits_of(model, images_BCHW)
        sums_B = logits_BK.sum(dim=1)
        if (logits_BK >= 0).all() and torch.allclose(sums_B, torch.ones_like(sums_B), atol=1e-3):
            raise CheckFailedError(
                "the outputs of each image are not negative and sum to 1, like probabilities; leave out the softmax, "
                "which the loss applies"
            )
        # A sigmoid keeps its outputs in [0, 1], however large the weights before it.
        for weight in [each for each in model.parameters() if each.ndim > 1][-1:]:
            weight.mul_(_STEEP)
        steep_BK = logits_of(model, images_BCHW)
    if ((logits_BK >= 0) & (logits_BK <= 1)).all() and ((steep_BK >= 0) & (steep_BK <= 1)).all() and steep_BK.any():
        raise CheckFailedError(
            "all outputs are in [0, 1] for any weights, like those of a sigmoid; leave it out: logits are not bounded"
        )


def images_are_left_alone(subject: Subject[Architecture]) -> None:
    model, images_BCHW = ready(subject)
    for mode in (True, False):
        model.train(mode)
        given_BCHW = images_BCHW.clone()
        with torch.no_grad():
            logits_of(model, given_BCHW)
        if not torch.equal(given_BCHW, images_BCHW):
            raise CheckFailedError(
                f"in {'train' if mode else 'eval'} mode it changes its input in place, which ensembles and test-time "
                "augmentation use again"
            )


def training_is_reproducible(subject: Subject[Architecture]) -> None:
    model, images_BCHW = ready(subject)
    model.train()
    state = {name: value.clone() for name, value in tensors_of(model).items()}
    first, second = (_training_pass(model, images_BCHW, state) for _ in range(2))
    for name, value in first.items():
        scale = value.abs().max().clamp_min(1e-6)
        if value.shape != second[name].shape or not (value - second[name]).abs().max() <= _SAME * scale:
            raise CheckFailedError(
                f"the same weights, images and seeds give different {name} in train mode: it draws from a generator "
                "that a trial does not seed, or keeps a state that its state_dict does not contain"
            )


def parameters_are_used(subject: Subject[Architecture]) -> None:
    model, images_BCHW = ready(subject)
    model.train()
    for seed in range(_PASSES):
        torch.manual_seed(seed)
        loss_of(logits_of(model, images_BCHW)).backward()
        unused = [name for name, each in model.named_parameters() if each.requires_grad and each.grad is None]
        if not unused:
            return
    listed = ", ".join(unused[:5]) + (f" and {len(unused) - 5} more" if len(unused) > 5 else "")
    raise CheckFailedError(
        f"{listed} got no gradient in {_PASSES} training passes: no logit depends on it, but it counts as a parameter"
    )


def _training_pass(model: nn.Module, images_BCHW: Tensor, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Run a forward and a backward pass as a trial would: from these tensors, with all global generators seeded."""
    with torch.no_grad():
        for name, value in tensors_of(model).items():
            value.copy_(state[name])
    model.zero_grad()
    seed_global(0, "epoch", 1)
    logits_BK = logits_of(model, images_BCHW.clone())
    loss_of(logits_BK).backward()
    gradients = {f"gradients of {name}": each.grad for name, each in model.named_parameters() if each.grad is not None}
    return {"logits": logits_BK.detach(), **{name: each.clone() for name, each in gradients.items()}}
