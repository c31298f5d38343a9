"""Checks of recipes that fit a head to features, with the kit's own features.

Each is in the table of :mod:`zoo.testing.checks`. Shape suffixes: N images, D features, K classes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from harness.networks.state_dicts import fill
from zoo.hyperparameters import FeatureHyperparameters
from zoo.recipe import Recipe
from zoo.testing.check_errors import CheckFailedError, NotApplicableError
from zoo.testing.networks import fitted_head
from zoo.testing.samples import NUM_CLASSES, NUM_IMAGES, sample_features
from zoo.testing.subjects import Subject


def head_gives_logits(subject: Subject[Recipe]) -> None:
    features = sample_features()
    module = fitted_head(subject, features)
    hp = subject.record.hyperparameters()
    if not isinstance(hp, FeatureHyperparameters):
        raise CheckFailedError(
            f"its hyperparameters are {type(hp).__name__}; expected a subclass of zoo.FeatureHyperparameters, without "
            "which --train-sizes cannot be used"
        )
    features_ND = torch.from_numpy(features.val_ND)
    whole_NK = module(features_ND)
    if not isinstance(whole_NK, Tensor) or whole_NK.shape != (NUM_IMAGES, NUM_CLASSES):
        given = list(whole_NK.shape) if isinstance(whole_NK, Tensor) else type(whole_NK).__name__
        raise CheckFailedError(f"its head returned {given} for {NUM_IMAGES} images, not [{NUM_IMAGES}, {NUM_CLASSES}]")
    if not torch.isfinite(whole_NK).all():
        raise CheckFailedError("the logits of its head are not finite")
    alone_NK = torch.cat([module(feature_D[None]) for feature_D in features_ND])
    if not torch.allclose(alone_NK, whole_NK, rtol=1e-4, atol=1e-4):
        raise CheckFailedError("the logits of an image change with the other images in its batch")
    if not torch.allclose(fitted_head(subject, features)(features_ND), whole_NK, rtol=1e-4, atol=1e-4):
        raise CheckFailedError("the same features and seed give another head the second time")


def head_is_rebuilt_from_shapes(subject: Subject[Recipe]) -> None:
    features = sample_features()
    module = fitted_head(subject, features)
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
