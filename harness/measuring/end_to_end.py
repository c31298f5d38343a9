"""End-to-end training speed, measured alone: for trials that trained beside others."""

from __future__ import annotations

import copy
from contextlib import nullcontext
from dataclasses import replace

from torch import nn

from harness.batches.forward_settings import ForwardSettings
from harness.data.images import PreparedData, TrialImages, few
from harness.measuring.timer import has_own_time
from harness.system.own_time import helpers_counted, own_clock
from harness.training.loop import TrainingHooks, train
from harness.training.resolved_recipe import ResolvedRecipe

EPOCHS = 4
"""Number of epochs; the first is a warm-up and does not count."""


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

    Seconds are the network's own where it trains with one thread of a CPU (see :mod:`harness.measuring.timer`).

    This runs the training loop itself, including the data path. Labels are made up so that no class is missing; the
    learning rate is too low for this to matter.

    Args:
        images_per_second: Approximate speed, from which the number of images follows.
        budget_seconds: Approximate duration; each epoch has at least one step.
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
    is_own = has_own_time(settings.device)
    hooks = TrainingHooks(clock=own_clock) if is_own else TrainingHooks()
    with helpers_counted() if is_own else nullcontext():
        trained = train(copy.deepcopy(model), images, some, settings, seed=0, hooks=hooks)
    return list(trained.images_per_second[1:])
