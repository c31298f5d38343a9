"""Checks of recipes, each held to one that was made to break it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ConfigDict
from torch import Tensor, nn

from zoo import Hyperparameters, Recipe
from zoo.testing import CHECKS, State, Subject, judge


def recipe(settings: Callable[[], Any] = Hyperparameters, **parts: Any) -> Recipe:
    return Recipe(name="own", hyperparameters=settings, **parts)


class Uneven(Hyperparameters):
    """Written in one unit, and read in another."""

    noise: float = 0.5

    def model_dump(self, **options: Any) -> dict[str, Any]:
        return {**super().model_dump(**options), "noise": self.noise * 100}


class Unwritable(Hyperparameters):
    model_config = ConfigDict(allow_inf_nan=True)

    ceiling: float = math.inf


_calls = itertools.count()


def forgetful_loss(logits_BK: Tensor, targets: Tensor, hp: Any) -> Tensor:
    return nn.functional.cross_entropy(logits_BK, targets) * (1 + 0.01 * next(_calls))


def cross_entropy(logits_BK: Tensor, targets: Tensor, **options: Any) -> Tensor:
    return nn.functional.cross_entropy(logits_BK, targets, **options)


def sgd_that_seeds(model: nn.Module, hp: Any) -> torch.optim.Optimizer:
    np.random.seed(0)
    return torch.optim.SGD(model.parameters(), hp.lr)


def _drawn(generator: torch.Generator) -> int:
    return int(torch.randint(1, 8, (), generator=generator))


def flip_some(images_BCHW: Tensor, generator: torch.Generator, share: float) -> Tensor:
    """Flip each image on its own with this probability."""
    draws_B = torch.rand(len(images_BCHW), generator=generator)
    return torch.where((draws_B < share)[:, None, None, None], images_BCHW.flip(3), images_BCHW)


def blend(images_BCHW: Tensor, generator: torch.Generator, hp: Any) -> Tensor:
    """Blend each image with another one of the batch, which leaves equal images as they are."""
    others_BCHW = images_BCHW[torch.randperm(len(images_BCHW), generator=generator)]
    return ((images_BCHW.float() + others_BCHW.float()) / 2).to(torch.uint8)


def nudge(context: Any, images_BCHW: Tensor, targets: Tensor) -> Tensor:
    with torch.no_grad():
        next(context.model.parameters()).add_(1e-3)
    return context.loss(context.logits(images_BCHW), targets)


def weightless(context: Any, images_BCHW: Tensor, targets: Tensor) -> Tensor:
    return 0 * context.loss(context.logits(images_BCHW), targets)


BROKEN = (
    ("hyperparameters_serialise", "returned dict; expected Hyperparameters", recipe(dict)),
    ("hyperparameters_serialise", "noise is 0.5, and 50.0 after JSON", recipe(Uneven)),
    ("hyperparameters_serialise", "cannot be written as JSON|ceiling", recipe(Unwritable)),
    ("fits_64_images", "knows .* not 95%", recipe(lambda: Hyperparameters(lr=1e-9))),
    (
        "fits_64_images",
        "knows .* not 95%",
        recipe(augment=lambda images, generator, hp: torch.randint_like(images, 256, generator=generator)),
    ),
    ("resume_equals_uninterrupted", "stopped after epoch 1 of 4", recipe(loss=forgetful_loss)),
    ("schedule_ends_where_it_says", "progress alone", recipe(lr_factor=lambda at, hp: 1 - (next(_calls) % 7) / 9)),
    ("schedule_ends_where_it_says", "reaches 10 times", recipe(lr_factor=lambda progress, hp: 10.0)),
    ("schedule_ends_where_it_says", "not negative", recipe(lr_factor=lambda progress, hp: 1 - 2 * progress)),
    (
        "schedule_ends_where_it_says",
        "first drop would come after 10 epochs",
        recipe(lambda: Hyperparameters(schedule="step", epochs=5, step_epochs=10)),
    ),
    (
        "schedule_ends_where_it_says",
        "the last factor|at its highest",
        recipe(lambda: Hyperparameters(schedule="cosine", epochs=5, warmup_epochs=20)),
    ),
    (
        "schedule_ends_where_it_says",
        "a patience of 9 epochs",
        recipe(lambda: Hyperparameters(schedule="plateau", epochs=10, plateau_patience=9)),
    ),
    (
        "augmentation_draws_from_its_generator",
        "draws from another one",
        recipe(augment=lambda images, generator, hp: images.roll(int(torch.randint(1, 8, ())), dims=3)),
    ),
    (
        "augmentation_draws_from_its_generator",
        "into torch.float32",
        recipe(augment=lambda images, generator, hp: images / 255),
    ),
    (
        "augmentation_draws_for_each_image",
        "draws once for the whole batch",
        recipe(augment=lambda images, generator, hp: images.roll(_drawn(generator), dims=3)),
    ),
    (
        "augmentation_draws_for_each_image",
        "draws once for the whole batch",
        recipe(augment=lambda images, generator, hp: images.flip(3) if _drawn(generator) < 4 else images),
    ),
    (
        "step_changes_gradients_only",
        "it changes weights itself, in conv",
        recipe(training_step=nudge),
    ),
    ("step_changes_gradients_only", "leaves no gradient", recipe(training_step=weightless)),
    ("step_changes_gradients_only", "returned float, not a loss", recipe(training_step=lambda *given: 3.0)),
    ("loss_is_a_mean", "not their mean", recipe(loss=lambda out, to, hp: cross_entropy(out, to, reduction="sum"))),
    ("loss_is_a_mean", "expected a scalar", recipe(loss=lambda out, to, hp: cross_entropy(out, to, reduction="none"))),
    ("loss_is_a_mean", "no gradient", recipe(loss=lambda out, to, hp: cross_entropy(out.detach(), to))),
    (
        "predict_gives_logits",
        "predictions differ the second time",
        recipe(predict=lambda model, images, hp: model(images + torch.randn_like(images))),
    ),
    (
        "predict_gives_logits",
        "not floating-point logits",
        recipe(predict=lambda model, images, hp: model(images).argmax(1)),
    ),
    ("recipe_has_no_side_effects", "make_optimizer changes numpy's generator", recipe(make_optimizer=sgd_that_seeds)),
)


OF_HEADS = ("head_gives_logits", "head_is_rebuilt_from_shapes")
IDS = [f"{number}-{each[0]}" for number, each in enumerate(BROKEN)]


@pytest.mark.parametrize(("check", "says", "record"), BROKEN, ids=IDS)
def test_a_check_catches_what_was_made_to_break_it(check, says, record, caught):
    caught(check, says, record)


def test_each_check_has_something_that_breaks_it():
    assert {each[0] for each in BROKEN} == {
        check.id for check in CHECKS if check.kind == "recipes" and not check.module
    }


def test_a_recipe_that_is_right_passes_every_check(passed):
    passed(
        recipe(
            lambda: Hyperparameters(lr=0.05, mixup_alpha=0.2),
            augment=lambda images, generator, hp: flip_some(images, generator, 0.5),
            loss=lambda out, to, hp: cross_entropy(out, to),
            predict=lambda model, images, hp: model(images) + model(images.flip(3)),
            lr_factor=lambda progress, hp: 1 - progress,
            make_optimizer=lambda model, hp: torch.optim.AdamW(model.parameters(), hp.lr / 10),
        ),
        inapplicable=("step_changes_gradients_only", *OF_HEADS),
    )


def test_a_training_step_that_is_right_passes_its_check(passed):
    others = ("augmentation_draws_from_its_generator", "augmentation_draws_for_each_image", "loss_is_a_mean")
    passed(
        recipe(
            lambda: Hyperparameters(lr=0.05),
            training_step=lambda context, images, targets: context.loss(context.logits(images), targets),
        ),
        inapplicable=(*others, "predict_gives_logits", *OF_HEADS),
    )


@pytest.mark.parametrize(
    "augment",
    [
        lambda images, generator, hp: flip_some(images, generator, 0.05),
        lambda images, generator, hp: images.flip(3),
        blend,
    ],
    ids=["rare", "not random", "partners"],
)
def test_an_augmentation_of_each_image_is_not_accused_of_drawing_for_the_batch(augment: Any) -> None:
    (check,) = (each for each in CHECKS if each.id == "augmentation_draws_for_each_image")
    verdict = judge(check, Subject(record=recipe(augment=augment)))
    assert verdict.state is State.PASSED, verdict.reason
