"""A setting that nothing reads is an error with the reason: it would make a row of its own that trains like another.

Elsewhere thirty trials of a search trained identically, and nobody was told (ultralytics#23791).
"""

from __future__ import annotations

from typing import Any

import pytest

from harness.planning.unread_settings import check_settings
from zoo.hyperparameters import Hyperparameters
from zoo.recipe import Recipe


def problems(given: dict[str, Any], *, own: dict[str, Any] | None = None, **functions: Any) -> list[str]:
    """Sentences about overrides of a recipe with *own* hyperparameters and functions."""
    recipe = Recipe(name="toy", hyperparameters=lambda: Hyperparameters(**(own or {})), **functions)
    hp = recipe.hyperparameters().with_overrides(given)
    return [str(error) for error in check_settings(recipe, "toy", given, hp)]


@pytest.mark.parametrize(
    ("own", "given", "reason"),
    [
        ({"schedule": "onecycle"}, {"warmup_epochs": 2.0}, "schedule is constant, step or cosine"),
        ({"optimizer": "sgd"}, {"beta1": 0.8}, "optimizer is adam or adamw"),
        ({"schedule": "cosine"}, {"gamma": 0.1}, "schedule is step"),
        ({"optimizer": "adam"}, {"nesterov": True}, "optimizer is sgd and momentum is above 0"),
        ({"optimizer": "sgd", "momentum": 0.0}, {"nesterov": True}, "optimizer is sgd and momentum is above 0"),
        ({"optimizer": "adamw"}, {"momentum": 0.5}, "optimizer is sgd, rmsprop or one of timm's"),
        ({"schedule": "step"}, {"final_lr_scale": 0.1}, "schedule is onecycle or cosine"),
        ({"schedule": "step"}, {"plateau_patience": 1}, "schedule is plateau"),
        ({}, {"flip_mode": "alternating"}, "flip is true"),
        ({}, {"randaugment_magnitude": 0.9}, "randaugment_ops is above 0"),
        ({}, {"monitor": "val_loss"}, "keep is best or early_stopping_patience is above 0"),
        ({}, {"decay_norm_and_bias": False}, "weight_decay is above 0"),
        ({"freeze_backbone": True}, {"backbone_lr_scale": 0.1}, "the backbone is trained"),
        ({"freeze_backbone": True}, {"layer_decay": 0.8}, "the backbone is trained"),
        ({"optimizer": "timm/lamb"}, {"beta1": 0.8}, "optimizer is adam or adamw"),
    ],
)
def test_an_unused_setting_is_an_error_with_the_reason(own: dict[str, Any], given: dict[str, Any], reason: str) -> None:
    (sentence,) = problems(given, own=own)
    assert sentence.startswith(f"recipe.{next(iter(given))} = ")
    assert reason in sentence


@pytest.mark.parametrize(
    "given",
    [
        {"optimizer": "adamw", "beta1": 0.8},
        {"schedule": "step", "gamma": 0.1, "step_epochs": 3, "epochs": 9},
        {"keep": "best", "monitor": "val_loss"},
        {"lr": 0.1, "label_smoothing": 0.1, "cutout": 0.5, "mixup_alpha": 0.2},
        {"flip": True, "flip_mode": "alternating"},
    ],
)
def test_settings_that_are_read_together_are_none(given: dict[str, Any]) -> None:
    assert problems(given) == []


def test_a_setting_equal_to_the_recipes_makes_no_separate_row() -> None:
    assert problems({"gamma": Hyperparameters().gamma}) == []


def own_optimizer(model: Any, hp: Any) -> Any:
    return (hp.lr, hp.momentum)


def test_settings_replaced_by_a_recipes_own_function_are_unused() -> None:
    """optimizer=adam on a recipe with its own optimizer recorded adam, and trained with the other."""
    (sentence,) = problems({"optimizer": "adam"}, make_optimizer=own_optimizer)
    assert sentence == "recipe.optimizer = 'adam' has no effect in toy: the recipe brings its own optimizer"
    assert problems({"momentum": 0.5}, make_optimizer=own_optimizer) == []
    (sentence,) = problems({"schedule": "cosine"}, lr_factor=lambda progress, hp: 1.0)
    assert "its own learning-rate schedule" in sentence


def test_a_warm_up_that_is_longer_than_the_training_is_an_error() -> None:
    (sentence,) = problems({"epochs": 3}, own={"schedule": "cosine", "warmup_epochs": 5.0})
    assert "a warm-up of 5 epochs is longer than the training of 3" in sentence
    assert problems({"epochs": 5}, own={"schedule": "cosine", "warmup_epochs": 5.0}) == []
    assert problems({"epochs": 3}, own={"schedule": "onecycle", "warmup_epochs": 5.0}) == []


def test_a_first_drop_after_the_end_of_training_is_an_error() -> None:
    """Resembles reports of step sizes copied from long trainings, whose learning rate never fell."""
    own = {"schedule": "step", "epochs": 4, "step_epochs": 2}
    (sentence,) = problems({"step_epochs": 4}, own=own)
    assert sentence.startswith("recipe.step_epochs = 4 has no effect in ")
    assert "training ends after 4 epochs, before the first drop" in sentence
    assert not problems({"step_epochs": 3}, own=own)
    assert not problems({"epochs": 2}, own=own)


def test_every_hyperparameter_is_read_by_some_combination() -> None:
    from harness.planning.unread_settings import _LOSS, _OPTIMIZER, _READERS, _SCHEDULE

    assert {*_READERS, *_OPTIMIZER, *_SCHEDULE, *_LOSS} <= set(Hyperparameters.model_fields)
