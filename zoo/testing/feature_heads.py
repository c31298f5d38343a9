"""Checks of recipes that fit a head to features, with the kit's own features.

Each is in the table of :mod:`zoo.testing.checks`. Shape suffixes: N images, D features, K classes.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from harness.networks.state_dicts import fill
from zoo.features import FeatureSet, Head
from zoo.hyperparameters import FeatureHyperparameters
from zoo.recipe import Recipe
from zoo.testing.check_errors import CheckFailedError, NotApplicableError
from zoo.testing.samples import NUM_CLASSES, NUM_IMAGES, sample_features
from zoo.testing.subjects import Subject


def fit_features(subject: Subject[Recipe]) -> None:
    """Check that the head knows 64 images with features that are easy to tell apart."""
    features = sample_features()
    logits_NK = _fitted(subject, features)(torch.from_numpy(features.val_ND))
    accuracy = float((logits_NK.argmax(dim=1).numpy() == features.val_labels_N).mean())
    if accuracy < 0.95:
        raise CheckFailedError(f"its head knows {accuracy:.0%} of 64 images with features that are easy to tell apart")


def head_gives_logits(subject: Subject[Recipe]) -> None:
    features = sample_features()
    module = _fitted(subject, features)
    hp = subject.record.hyperparameters()
    if not isinstance(hp, FeatureHyperparameters):
        raise CheckFailedError(
            f"its hyperparameters are {type(hp).__name__}; expected a subclass of zoo.FeatureHyperparameters, without "
            "which --train-sizes cannot be used"
        )
    features_ND = torch.from_numpy(features.val_ND)
    whole_NK, one_1K = module(features_ND), module(features_ND[:1])
    if not isinstance(whole_NK, Tensor) or whole_NK.shape != (NUM_IMAGES, NUM_CLASSES):
        given = list(whole_NK.shape) if isinstance(whole_NK, Tensor) else type(whole_NK).__name__
        raise CheckFailedError(f"its head returned {given} for {NUM_IMAGES} images, not [{NUM_IMAGES}, {NUM_CLASSES}]")
    if not torch.isfinite(whole_NK).all():
        raise CheckFailedError("the logits of its head are not finite")
    if not torch.allclose(one_1K, whole_NK[:1], rtol=1e-4, atol=1e-4):
        raise CheckFailedError("the logits of an image change with the other images in its batch")
    if not torch.allclose(_fitted(subject, features)(features_ND), whole_NK, rtol=1e-4, atol=1e-4):
        raise CheckFailedError("the same features and seed give another head the second time")


def head_is_rebuilt_from_shapes(subject: Subject[Recipe]) -> None:
    features = sample_features()
    module = _fitted(subject, features)
    if type(module) is nn.Linear:
        raise NotApplicableError("its head is a linear layer, which zoo builds itself")
    empty_head = subject.record.empty_head
    if empty_head is None:
        raise CheckFailedError(
            f"its head is a {type(module).__name__}, and there is no empty_head to load weights into"
        )
    tensors = module.state_dict()
    again = empty_head(
        {name: tuple(value.shape) for name, value in tensors.items()}, subject.record.hyperparameters()
    ).eval()
    if mismatch := fill(again, tensors):
        raise CheckFailedError(f"empty_head makes a head that its tensors do not fit: {mismatch}")
    features_ND = torch.from_numpy(features.val_ND)
    if not torch.equal(again(features_ND), module(features_ND)):
        raise CheckFailedError("a head of empty_head gives other logits with the same tensors")


def _fitted(subject: Subject[Recipe], features: FeatureSet) -> nn.Module:
    """Return the head that the recipe fits, in eval mode."""
    if subject.record.fit_head is None:
        raise NotApplicableError("it fits no head to features")
    head: Any = subject.record.fit_head(features, subject.record.hyperparameters())
    if not isinstance(head, Head) or not isinstance(head.module, nn.Module):
        raise CheckFailedError(f"fit_head returned {type(head).__name__}; expected zoo.Head with a module")
    return head.module.eval().requires_grad_(False)
