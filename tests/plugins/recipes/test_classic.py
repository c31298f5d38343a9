"""The classic recipes set what their summaries promise, and nothing else."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from harness.training.optimizers import make_optimizer
from harness.training.schedules import Plateau, lr_factor
from plugins.recipes import classic

RECIPES = {recipe.name: recipe for recipe in classic.zoo_recipes()}
CROP_AND_FLIP = {"crop_padding": 0.125, "flip": True}


def test_each_recipe_sets_these_hyperparameters_and_no_others(settings):
    # Defaults left out here: 30 epochs, batches of 128, SGD at 0.01 with momentum 0.9.
    assert settings(classic) == {
        "sgd_basic": {"lr": 0.001, **CROP_AND_FLIP},
        "sgd_step": {"weight_decay": 5e-4, "schedule": "step", **CROP_AND_FLIP},
        "adam_plateau": {
            "epochs": 50, "optimizer": "adam", "lr": 1e-3, "weight_decay": 1e-4, "schedule": "plateau", "keep": "best",
            **CROP_AND_FLIP,
        },
    }  # fmt: skip


@pytest.mark.parametrize("name", RECIPES)
def test_the_optimizer_follows_from_the_hyperparameters(name):
    hp = RECIPES[name].hyperparameters()
    optimizer = make_optimizer(torch.nn.Linear(4, 2), hp)
    kind = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[hp.optimizer]
    assert isinstance(optimizer, kind)
    (group,) = optimizer.param_groups
    assert (group["lr"], group["weight_decay"]) == (hp.lr, hp.weight_decay)


def rates_by_epoch(name):
    hp = RECIPES[name].hyperparameters()
    return [hp.lr * lr_factor(epoch * 7, hp, steps_per_epoch=7) for epoch in range(hp.epochs)]


def test_sgd_basic_keeps_its_learning_rate():
    assert set(rates_by_epoch("sgd_basic")) == {0.001}


def test_sgd_step_halves_its_learning_rate_every_ten_epochs_of_thirty():
    assert rates_by_epoch("sgd_step") == [0.01] * 10 + [0.005] * 10 + [0.0025] * 10


def test_adam_plateau_divides_its_learning_rate_by_ten_after_four_epochs_without_a_lower_loss():
    hp = RECIPES["adam_plateau"].hyperparameters()
    assert set(rates_by_epoch("adam_plateau")) == {1e-3}  # the plateau's factor comes on top
    plateau = Plateau(patience=hp.plateau_patience, factor=hp.plateau_factor)
    scales = []
    for val_loss in (1.0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.4):
        plateau.observe(val_loss)
        scales.append(plateau.scale)
    assert scales == [1.0, 1.0, 1.0, 1.0, 1.0, 0.1, 0.1]


def test_listing_recipes_imports_neither_torch_nor_pydantic():
    code = (
        "import sys\n"
        "from plugins.recipes import classic, modern\n"
        "assert len([*classic.zoo_recipes(), *modern.zoo_recipes()]) == 8\n"
        "assert not {'torch', 'numpy', 'timm', 'torchvision', 'pydantic'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
