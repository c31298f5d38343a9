"""Classic recipes: common baselines in papers and courses."""

from __future__ import annotations

from collections.abc import Iterable

import zoo  # for zoo.Hyperparameters, so that pydantic is imported only when a recipe is used
from zoo import Recipe, hookimpl

# Random crops after padding by an eighth of the side (4 of 32 pixels), and flips, as usual (He et al. 2016).
CROP = 0.125


@hookimpl
def zoo_recipes() -> Iterable[Recipe]:
    yield Recipe(
        name="sgd_basic",
        hyperparameters=lambda: zoo.Hyperparameters(
            epochs=30, optimizer="sgd", lr=0.001, momentum=0.9, crop_padding=CROP, flip=True
        ),
        space={"lr": "log(1e-4, 0.3)", "weight_decay": "log(1e-6, 1e-2)", "momentum": "uniform(0.5, 0.99)"},
        summary="SGD with momentum at a constant learning rate",
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
        space={"lr": "log(1e-3, 1)", "weight_decay": "log(1e-6, 1e-2)", "gamma": "uniform(0.1, 0.8)"},
        summary="SGD with momentum; learning rate halved every 10 epochs",
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
        space={"lr": "log(1e-5, 1e-2)", "weight_decay": "log(1e-7, 1e-2)", "plateau_factor": "uniform(0.05, 0.8)"},
        summary="Adam; learning rate reduced when the validation loss stalls; best weights kept",
        source="https://arxiv.org/abs/1412.6980",
    )
