"""The built-in recipes are what their names promise."""

from __future__ import annotations

import subprocess
import sys

import pytest

from plugins.recipes import classic, modern
from zoo import Hyperparameters, Recipe

RECIPES: dict[str, Recipe] = {recipe.name: recipe for module in (classic, modern) for recipe in module.zoo_recipes()}


def settings(name: str) -> dict[str, object]:
    hp = RECIPES[name].hyperparameters()
    return {key: value for key, value in hp.model_dump().items() if value != Hyperparameters.model_fields[key].default}


def test_the_classic_and_modern_recipes_are_all_there():
    assert list(RECIPES) == [
        "sgd_basic",
        "sgd_step",
        "adam_plateau",
        "sgd_quick",
        "sgd_onecycle",
        "adamw_cosine",
        "finetune",
        "linear_probe",
    ]


def test_sgd_basic_is_momentum_at_a_constant_rate():
    hp = RECIPES["sgd_basic"].hyperparameters()
    assert (hp.optimizer, hp.lr, hp.momentum, hp.weight_decay, hp.schedule) == ("sgd", 0.001, 0.9, 0.0, "constant")


def test_sgd_step_halves_the_rate_every_ten_epochs_of_thirty():
    hp = RECIPES["sgd_step"].hyperparameters()
    assert (hp.optimizer, hp.lr, hp.momentum, hp.weight_decay) == ("sgd", 0.01, 0.9, 5e-4)
    assert (hp.schedule, hp.step_epochs, hp.gamma, hp.epochs) == ("step", 10, 0.5, 30)


def test_adam_plateau_keeps_the_best_weights_of_fifty_epochs():
    hp = RECIPES["adam_plateau"].hyperparameters()
    assert (hp.optimizer, hp.lr, hp.weight_decay, hp.epochs) == ("adam", 1e-3, 1e-4, 50)
    assert (hp.schedule, hp.plateau_patience, hp.keep) == ("plateau", 3, "best")


def test_adamw_cosine_has_all_that_modern_recipes_have():
    on = settings("adamw_cosine")
    features = {"warmup_epochs", "label_smoothing", "ema_decay", "mixup_alpha", "cutmix_alpha", "randaugment_ops"}
    assert features <= set(on)
    assert (on["optimizer"], on["schedule"]) == ("adamw", "cosine")


def test_finetune_trains_all_layers_and_the_backbone_slower():
    on = settings("finetune")
    assert on["pretrained"]
    assert 0 < on["backbone_lr_scale"] < 1
    assert "freeze_backbone" not in on


def test_linear_probe_trains_the_head_of_a_pretrained_network_only():
    on = settings("linear_probe")
    assert on["pretrained"]
    assert on["freeze_backbone"]


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_but_the_quick_one_crops_and_flips_and_all_say_what_they_are(name):
    recipe = RECIPES[name]
    hp = recipe.hyperparameters()
    assert (hp.crop_padding, hp.flip) == ((0.0, False) if name == "sgd_quick" else (0.125, True))
    assert recipe.summary


def test_listing_recipes_loads_no_torch():
    code = (
        "import sys\n"
        "from plugins.recipes import classic, modern\n"
        "list(classic.zoo_recipes()); list(modern.zoo_recipes())\n"
        "assert not {'torch', 'numpy', 'timm', 'torchvision'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
