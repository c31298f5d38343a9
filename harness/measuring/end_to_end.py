"""End-to-end training speed, measured alone: for trials that trained beside others."""

from __future__ import annotations

import copy
from dataclasses import replace

from torch import nn

from harness.batches.forward_settings import ForwardSettings
from harness.data.images import PreparedData, TrialImages, few
from harness.training.loop import TrainingHooks, train
from harness.training.resolved_recipe import ResolvedRecipe

EPOCHS = 4
"""The first warms up and is not counted."""


def train_end_to_end(
    model: nn.Module,
    prepared: PreparedData,
    resolved: ResolvedRecipe,
    settings: ForwardSettings,
    *,
    images_per_second: float,
    budget_seconds: float,
) -> list[float]:
    """Train a copy of *model* on some training images, and return the images per second of each epoch that counts.

    It is the training loop itself, data path included. Labels are made up, so that no class is missing, and the
    learning rate is so low that this does not matter.

    Args:
        images_per_second: About how fast it is, for choosing the number of images.
        budget_seconds: About how long this may take; one step an epoch is made at least.
    """
    hp = resolved.hp
    images = TrialImages(prepared)
    count = round(images_per_second * budget_seconds / EPOCHS)
    images.train = few(images.train, min(len(images.train), max(count, hp.batch_size)))
    images.val = few(images.val, min(len(images.val), hp.batch_size))
    some = replace(
        resolved,
        hp=hp.model_copy(
            update={"epochs": EPOCHS, "early_stopping_patience": 0, "lr": 1e-3 * hp.lr, "init": "default"}
        ),
    )
    trained = train(copy.deepcopy(model), images, some, settings, seed=0, hooks=TrainingHooks())
    return list(trained.images_per_second[1:])
