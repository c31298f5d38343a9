"""Classic recipes: the ones that many course notes and papers take as their baseline."""

from __future__ import annotations

from collections.abc import Iterable

import zoo  # Hyperparameters by way of it: pydantic is imported when a recipe is used, not when it is listed
from zoo import Recipe, hookimpl

# Crop by an eighth of the side (4 pixels of 32) and flip are the usual augmentation of small images (He et al. 2016).
CROP = 0.125


@hookimpl
def zoo_recipes() -> Iterable[Recipe]:
    yield Recipe(
        name="sgd_basic",
        hyperparameters=lambda: zoo.Hyperparameters(
            epochs=30, optimizer="sgd", lr=0.001, momentum=0.9, crop_padding=CROP, flip=True
        ),
        summary="plain SGD with momentum at a constant rate",
    )
    yield Recipe(
        name="sgd_step",
        hyperparameters=lambda: zoo.Hyperparameters(
            epochs=30,
            optimizer="sgd",
            lr=0.01,
            momentum=0.9,
            weight_decay=5e-4,
            schedule="step",
            step_epochs=10,
            gamma=0.5,
            crop_padding=CROP,
            flip=True,
        ),
        summary="SGD with momentum, the rate halved every 10 epochs",
    )
    yield Recipe(
        name="adam_plateau",
        hyperparameters=lambda: zoo.Hyperparameters(
            epochs=50,
            optimizer="adam",
            lr=1e-3,
            weight_decay=1e-4,
            schedule="plateau",
            plateau_patience=3,
            crop_padding=CROP,
            flip=True,
            keep="best",
        ),
        summary="Adam, the rate dropped when validation loss stalls, best weights kept",
        source="https://arxiv.org/abs/1412.6980",
    )
