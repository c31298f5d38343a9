"""Checks of recipes on features, each held to one that was made to break it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from zoo import FeatureHyperparameters, FeatureSet, Head, Hyperparameters, Recipe
from zoo.testing import CHECKS


def recipe(fit_head: Callable[[FeatureSet, Any], Any], settings: Any = FeatureHyperparameters, **parts: Any) -> Recipe:
    return Recipe(name="own", hyperparameters=settings, fit_head=fit_head, **parts)


class Means(nn.Module):
    """Distances to class means, which are its only tensor."""

    def __init__(self, means_KD: Tensor) -> None:
        super().__init__()
        self.register_buffer("means", means_KD)

    def forward(self, features_BD: Tensor) -> Tensor:
        return -torch.cdist(features_BD, self.means)


def class_means(features: FeatureSet, hp: Any) -> Head:
    train_ND, labels_N = torch.from_numpy(features.train_ND), torch.from_numpy(features.train_labels_N)
    return Head(module=Means(torch.stack([train_ND[labels_N == k].mean(0) for k in range(features.num_classes)])))


def linear(features: FeatureSet, hp: Any) -> Head:
    means_KD = class_means(features, hp).module.means
    layer = nn.Linear(means_KD.shape[1], len(means_KD))
    layer.load_state_dict({"weight": means_KD, "bias": -0.5 * means_KD.square().sum(1)})
    return Head(module=layer)


def of(module: nn.Module) -> Callable[[FeatureSet, Any], Head]:
    return lambda features, hp: Head(module=module)


class Mixing(Means):
    def forward(self, features_BD: Tensor) -> Tensor:
        return super().forward(features_BD - features_BD.mean(dim=0))


class Leading(Means):
    """Adds the logits of the first image to all, which leave the first as it is by itself."""

    def forward(self, features_BD: Tensor) -> Tensor:
        logits_BK = super().forward(features_BD)
        return logits_BK + logits_BK[:1]


class Infinite(Means):
    def forward(self, features_BD: Tensor) -> Tensor:
        return super().forward(features_BD) / 0


class Squared(Means):
    def forward(self, features_BD: Tensor) -> Tensor:
        return super().forward(features_BD) ** 3


def like(kind: type[Means]) -> Callable[[FeatureSet, Any], Head]:
    return lambda features, hp: Head(module=kind(class_means(features, hp).module.means))


def empty(shapes: Any, hp: Any) -> nn.Module:
    return Means(torch.zeros(shapes["means"]))


BROKEN = (
    ("fits_64_images", "its head knows .* of 64 images", recipe(of(nn.Linear(24, 4)))),
    ("head_gives_logits", "fit_head returned Linear; expected zoo.Head", recipe(lambda *given: nn.Linear(24, 4))),
    ("head_gives_logits", r"returned \[64, 5\] for 64 images", recipe(of(nn.Linear(24, 5)))),
    ("head_gives_logits", "are not finite", recipe(like(Infinite))),
    ("head_gives_logits", "change with the other images", recipe(like(Mixing))),
    ("head_gives_logits", "change with the other images", recipe(like(Leading))),
    ("head_gives_logits", "another head the second time", recipe(lambda *given: Head(module=nn.Linear(24, 4)))),
    ("head_gives_logits", "expected a subclass of zoo.FeatureHyperparameters", recipe(linear, Hyperparameters)),
    ("head_is_rebuilt_from_shapes", "its head is a Means, and there is no empty_head", recipe(class_means)),
    (
        "head_is_rebuilt_from_shapes",
        "tensors do not fit",
        recipe(class_means, empty_head=lambda shapes, hp: nn.Linear(24, 4)),
    ),
    (
        "head_is_rebuilt_from_shapes",
        "other logits with the same tensors",
        recipe(class_means, empty_head=lambda shapes, hp: Squared(torch.zeros(shapes["means"]))),
    ),
)
IDS = [f"{number}-{each[0]}" for number, each in enumerate(BROKEN)]
OF_TRAINING = tuple(
    check.id
    for check in CHECKS
    if check.kind == "recipes"
    and not check.module
    and check.id not in ("hyperparameters_serialise", "fits_64_images", "recipe_has_no_side_effects")
)


@pytest.mark.parametrize(("check", "says", "record"), BROKEN, ids=IDS)
def test_a_check_catches_what_was_made_to_break_it(check, says, record, caught):
    caught(check, says, record)


def test_each_check_has_something_that_breaks_it():
    own = {check.id for check in CHECKS if check.module == "feature_heads"}
    assert own <= {each[0] for each in BROKEN}


def test_a_head_that_is_right_passes_every_check(passed):
    passed(recipe(class_means, empty_head=empty), inapplicable=OF_TRAINING)


def test_a_linear_head_needs_no_empty_one(passed):
    passed(recipe(linear), inapplicable=(*OF_TRAINING, "head_is_rebuilt_from_shapes"))
