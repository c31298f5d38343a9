"""The modern recipes set what their summaries promise, and nothing else."""

from __future__ import annotations

import pytest
import torch

from harness.networks.heads import find_head, freeze_all_but
from harness.training.optimizers import make_optimizer
from harness.training.schedules import lr_factor
from plugins.recipes import modern

RECIPES = {recipe.name: recipe for recipe in modern.zoo_recipes()}
CROP_AND_FLIP = {"crop_padding": 0.125, "flip": True}
ONE_CYCLE = {
    "lr": 0.05, "nesterov": True, "weight_decay": 5e-4, "decay_norm_and_bias": False, "schedule": "onecycle",
}  # fmt: skip


def test_each_recipe_sets_these_hyperparameters_and_no_others(settings):
    # Defaults left out here: SGD with momentum 0.9.
    assert settings(modern) == {
        "sgd_quick": {"epochs": 12, "batch_size": 32, **ONE_CYCLE},
        "sgd_onecycle": {"epochs": 15, "batch_size": 64, **ONE_CYCLE, **CROP_AND_FLIP},
        "adamw_cosine": {
            "epochs": 20, "batch_size": 64, "optimizer": "adamw", "lr": 2e-3, "weight_decay": 0.05,
            "decay_norm_and_bias": False, "schedule": "cosine", "warmup_epochs": 2, "label_smoothing": 0.1,
            "ema_decay": 0.999, "randaugment_ops": 1, "randaugment_magnitude": 0.2, "mixup_alpha": 0.1,
            "cutmix_alpha": 0.1, **CROP_AND_FLIP,
        },
        "finetune": {
            "epochs": 10, "batch_size": 64, "pretrained": True, "init": "zero_head", "optimizer": "adamw", "lr": 1e-3,
            "backbone_lr_scale": 0.1, "weight_decay": 0.05, "decay_norm_and_bias": False, "schedule": "cosine",
            "warmup_epochs": 1, "label_smoothing": 0.1, "clip_norm": 1.0, "keep": "best", "random_resized_crop": 0.25,
            "flip": True,
        },
        "linear_probe": {
            "epochs": 10, "batch_size": 64, "pretrained": True, "freeze_backbone": True, "init": "zero_head",
            "optimizer": "adamw", "schedule": "cosine", **CROP_AND_FLIP,
        },
    }  # fmt: skip


def network():
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.Flatten(), torch.nn.Linear(4, 2)
    )


def learning_rates(name, model):
    """The learning rate of each parameter, by its name; those that are not trained are left out."""
    optimizer = make_optimizer(model, RECIPES[name].hyperparameters())
    rates = {id(param): group["lr"] for group in optimizer.param_groups for param in group["params"]}
    return {key: rates[id(param)] for key, param in model.named_parameters() if id(param) in rates}


def test_finetune_trains_all_layers_and_the_backbone_at_a_tenth_of_the_heads_learning_rate():
    rates = learning_rates("finetune", network())
    assert rates == pytest.approx(
        {"0.weight": 1e-4, "0.bias": 1e-4, "1.weight": 1e-4, "1.bias": 1e-4, "3.weight": 1e-3, "3.bias": 1e-3}
    )


def test_linear_probe_trains_the_head_only():
    assert RECIPES["linear_probe"].hyperparameters().freeze_backbone
    model = network()
    freeze_all_but(model, find_head(model))
    assert learning_rates("linear_probe", model) == {"3.weight": 0.01, "3.bias": 0.01}


@pytest.mark.parametrize("name", ["sgd_quick", "sgd_onecycle", "adamw_cosine", "finetune"])
def test_biases_and_normalisation_layers_have_no_weight_decay(name):
    hp = RECIPES[name].hyperparameters()
    groups = make_optimizer(network(), hp).param_groups
    assert {param.ndim > 1 for group in groups if group["weight_decay"] for param in group["params"]} == {True}
    assert {param.ndim > 1 for group in groups if not group["weight_decay"] for param in group["params"]} == {False}


@pytest.mark.parametrize("name", RECIPES)
def test_the_learning_rate_ends_near_zero(name):
    hp = RECIPES[name].hyperparameters()
    factors = [lr_factor(step, hp, steps_per_epoch=50) for step in range(hp.epochs * 50)]
    assert max(factors) == pytest.approx(1.0)
    assert factors[-1] < 0.01
