"""Unused settings: overrides that cannot change a recipe's training, and would only add a row with the same result.

The optimizer, schedule and augmentations in use, and a recipe's own functions, determine which hyperparameters are
read. Recipes on features read none of those of training.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from zoo.calling.containment import hyperparameters_of
from zoo.errors import UsageError
from zoo.hyperparameters import Hyperparameters
from zoo.recipe import Recipe

_OPTIMIZER = (
    "optimizer",
    "momentum",
    "nesterov",
    "beta1",
    "beta2",
    "weight_decay",
    "decay_norm_and_bias",
    "layer_decay",
)
_SCHEDULE = (
    "schedule", "step_epochs", "gamma", "plateau_patience", "plateau_factor", "warmup_epochs", "onecycle_rise",
    "final_lr_scale",
)  # fmt: skip
_LOSS = ("label_smoothing", "class_weights")

_READERS: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "momentum": (
        "optimizer is sgd, rmsprop or one of timm's",
        lambda hp: hp.optimizer in ("sgd", "rmsprop") or hp.optimizer.startswith("timm/"),
    ),
    "nesterov": ("optimizer is sgd and momentum is above 0", lambda hp: hp.optimizer == "sgd" and hp.momentum > 0),
    "beta1": ("optimizer is adam or adamw", lambda hp: hp.optimizer in ("adam", "adamw")),
    "beta2": ("optimizer is adam or adamw", lambda hp: hp.optimizer in ("adam", "adamw")),
    "decay_norm_and_bias": ("weight_decay is above 0", lambda hp: hp.weight_decay > 0),
    "backbone_lr_scale": ("the backbone is trained (freeze_backbone is false)", lambda hp: not hp.freeze_backbone),
    "layer_decay": ("the backbone is trained (freeze_backbone is false)", lambda hp: not hp.freeze_backbone),
    "step_epochs": ("schedule is step", lambda hp: hp.schedule == "step"),
    "gamma": ("schedule is step", lambda hp: hp.schedule == "step"),
    "plateau_patience": ("schedule is plateau", lambda hp: hp.schedule == "plateau"),
    "plateau_factor": ("schedule is plateau", lambda hp: hp.schedule == "plateau"),
    "warmup_epochs": (
        "schedule is constant, step or cosine", lambda hp: hp.schedule in ("constant", "step", "cosine")
    ),
    "onecycle_rise": ("schedule is onecycle", lambda hp: hp.schedule == "onecycle"),
    "final_lr_scale": ("schedule is onecycle or cosine", lambda hp: hp.schedule in ("onecycle", "cosine")),
    "flip_mode": ("flip is true", lambda hp: hp.flip),
    "randaugment_magnitude": ("randaugment_ops is above 0", lambda hp: hp.randaugment_ops > 0),
    "monitor": (
        "keep is best or early_stopping_patience is above 0",
        lambda hp: hp.keep == "best" or hp.early_stopping_patience > 0,
    ),
}  # fmt: skip
"""Conditions under which the engine reads a hyperparameter; hyperparameters that are always read are not listed."""


def check_settings(recipe: Recipe, name: str, given: Iterable[str], hp: Hyperparameters) -> list[UsageError]:
    """Return an error for each unused override, and for a warm-up or a first drop beyond the end of training.

    Args:
        recipe: The overridden recipe.
        name: The recipe's name as given by the user.
        given: Names of the hyperparameters that the user has set.
        hp: The hyperparameters including the overrides.
    """
    defaults = hyperparameters_of(recipe, name)
    errors = []
    for key in given:
        if getattr(defaults, key) == getattr(hp, key):
            continue  # the recipe's own value, which gives the same row
        reason = why_unread(recipe, key, hp)
        if not reason and key == "step_epochs" and recipe.lr_factor is None and hp.step_epochs >= hp.epochs:
            reason = f"training ends after {hp.epochs} epochs, before the first drop"
        if reason:
            errors.append(UsageError(f"recipe.{key} = {getattr(hp, key)!r} has no effect in {name}: {reason}"))
    warms_up = recipe.lr_factor is None and _READERS["warmup_epochs"][1](hp)
    if warms_up and hp.warmup_epochs > hp.epochs:
        errors.append(
            UsageError(
                f"{name}: a warm-up of {hp.warmup_epochs:g} epochs is longer than the training of {hp.epochs}; "
                f"train longer, or shorten it, such as --set recipe.warmup_epochs={hp.epochs / 10:g}"
            )
        )
    return errors


def why_unread(recipe: Recipe, key: str, hp: Hyperparameters) -> str:
    """Return why training with *hp* does not read the hyperparameter *key*; empty if it does."""
    if recipe.fit_head is not None and key in Hyperparameters.model_fields and key != "pretrained":
        return "the recipe fits a head to the features of a frozen backbone, and trains nothing"
    for function, keys, what in (
        (recipe.make_optimizer, _OPTIMIZER, "optimizer"),
        (recipe.lr_factor, _SCHEDULE, "learning-rate schedule"),
        (recipe.loss, _LOSS, "loss"),
    ):
        if function is not None and key in keys:
            return "" if _may_read(function, key) else f"the recipe brings its own {what}"
    needs, is_read = _READERS.get(key, ("", lambda hp: True))
    return "" if is_read(hp) else f"it is only used where {needs}"


def _may_read(function: Callable[..., Any], key: str) -> bool:
    """Return whether a recipe's function could read a hyperparameter, which is the case if its module mentions it.

    The function always replaces the fields that choose the part to use.
    """
    if key in ("optimizer", "schedule"):
        return False
    module = sys.modules.get(getattr(function, "__module__", ""))
    try:
        source = inspect.getsource(module if module is not None else function)
    except (OSError, TypeError):
        return True  # without the source, assume that it could
    return f".{key}" in source
