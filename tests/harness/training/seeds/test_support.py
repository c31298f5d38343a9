"""What does not train as a batched network, and the reason that is given."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from harness.batches.forward_settings import ForwardSettings
from harness.training.resolved_recipe import ResolvedRecipe
from harness.training.seeds.support import OWN_FUNCTIONS, obstacle
from zoo import Hyperparameters, Preparation, Recipe

PLAIN = Recipe(name="plain", hyperparameters=Hyperparameters)
SETTINGS = ForwardSettings(device=torch.device("cpu"), normalization=Preparation(mean=(0.5,), std=(0.25,)))


def reason(recipe=PLAIN, *, compile=False, precision="fp32", **hp):
    settings = dataclasses.replace(SETTINGS, compile=compile, precision=precision)
    return obstacle(ResolvedRecipe(recipe=recipe, hp=Hyperparameters(**hp)), settings)


@pytest.mark.parametrize(
    "hp",
    [
        {},
        {"ema_decay": 0.9, "clip_norm": 1.0, "mixup_alpha": 0.2, "early_stopping_patience": 3, "keep": "best"},
        {"optimizer": "rmsprop", "schedule": "onecycle", "class_weights": "balanced"},
    ],
)
def test_most_recipes_train_together(hp):
    assert reason(**hp) == ""
    assert reason(precision="bf16", **hp) == ""


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"optimizer": "timm/lamb"}, "the optimizer timm/lamb is not among sgd, adam, adamw, rmsprop"),
        ({"schedule": "plateau"}, "with the schedule plateau each seed has its own learning rates"),
        ({"accumulate_steps": 2}, "batches are learnt in parts (accumulate_steps)"),
        ({"freeze_backbone": True, "pretrained": True}, "the backbone is frozen"),
        ({"precision": "fp16"}, "the gradients of fp16 are scaled for each seed"),
        ({"compile": True}, "the network is compiled"),
    ],
)
def test_what_does_not_says_why(given, said):
    assert reason(**given) == said


@pytest.mark.parametrize("name", OWN_FUNCTIONS)
def test_recipes_with_functions_of_one_network_do_not(name):
    assert reason(dataclasses.replace(PLAIN, **{name: lambda *given: None})) == f"the recipe has its own {name}"
