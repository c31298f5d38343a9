"""Resuming: a training that goes on from any epoch's state equals one that was never stopped."""

from __future__ import annotations

import pytest
import torch

from harness.training.state import TrainingState
from zoo import Hyperparameters, ModelRequest, Recipe
from zoo.errors import StoreError

PLAIN = Recipe(name="plain", hyperparameters=Hyperparameters)

SETTINGS = {
    "ema, mixing, plateau": {
        "optimizer": "adamw",
        "ema_decay": 0.9,
        "mixup_alpha": 0.2,
        "cutmix_alpha": 0.5,
        "schedule": "plateau",
        "plateau_patience": 0,
        "lr": 0.05,
    },
    "alternating flips and the rest of augmentation": {
        "flip": True,
        "flip_mode": "alternating",
        "sampling": "balanced",
        "trivialaugment": True,
        "random_erasing": 0.5,
        "hue_jitter": 0.2,
    },
    "best and early stopping": {"keep": "best", "early_stopping_patience": 2, "lr": 0.3, "randaugment_ops": 1},
    "early stopping on the last weights": {"early_stopping_patience": 1, "lr": 1e-9},
    "rmsprop, clipping, frozen": {"optimizer": "rmsprop", "lr": 1e-3, "clip_norm": 0.5, "freeze_backbone": True},
    "balanced, smoothed, accumulated": {
        "sampling": "balanced",
        "class_weights": "balanced",
        "label_smoothing": 0.1,
        "accumulate_steps": 2,
        "init": "kaiming",
    },
}


@pytest.fixture(scope="module")
def recipes(catalog):
    return {entry.record.name: entry.record for entry in catalog.recipes}


@pytest.fixture
def check_resume(make_data, make_net, fit, equal):
    def run(data, hp, recipe=PLAIN, *, make=make_net, **options):
        _check_resume(data, make, fit, equal, hp, recipe, **options)

    return run


def _check_resume(data, make_net, fit, equal, hp, recipe, **options):
    states: list[bytes] = []
    whole = make_net()
    result, epochs = fit(data, whole, hp=hp, recipe=recipe, save=lambda s: states.append(s.to_bytes()), **options)
    assert len(states) == len(epochs) == result.epochs_run
    for done, content in enumerate(states, start=1):
        resumed = make_net(seed=99)
        later, later_epochs = fit(
            data, resumed, hp=hp, recipe=recipe, state=TrainingState.from_bytes(content), **options
        )
        assert equal(whole, resumed)
        for name in ("epochs_run", "tested_epoch", "stopped_early", "best_val_accuracy", "final_train_loss"):
            assert getattr(result, name) == getattr(later, name), name
        compared = ("epoch", "train_loss", "train_accuracy", "val_loss", "val_accuracy", "lr")
        assert [[getattr(e, name) for name in compared] for e in later_epochs] == [
            [getattr(e, name) for name in compared] for e in epochs[done:]
        ]
        assert len(later.images_per_second) == result.epochs_run
        assert later.images_per_second[:done] == result.images_per_second[:done]


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("channels_last", [False, True], ids=["", "channels_last"])
def test_resumed_at_any_epoch_equals_uninterrupted(make_data, check_resume, name, channels_last):
    """Resume reset the best metric or was off by one epoch elsewhere (ctlearn#179, sparseml#159)."""
    hp = Hyperparameters(**{"epochs": 5, "batch_size": 16, **SETTINGS[name]})
    check_resume(make_data(noise=80), hp, channels_last=channels_last)


@pytest.mark.parametrize(
    "name",
    ["sgd_basic", "sgd_step", "adam_plateau", "sgd_onecycle", "adamw_cosine", "finetune", "linear_probe", "speedrun"],
)
def test_every_recipe_resumes_bit_for_bit(make_data, check_resume, recipes, name):
    recipe = recipes[name]
    hp = recipe.hyperparameters().with_overrides({"epochs": 4, "batch_size": 16})
    check_resume(make_data(noise=80), hp, recipe)


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_a_network_that_is_prepared_from_images_and_has_lone_biases_resumes_bit_for_bit(
    make_data, check_resume, recipes, catalog, precision
):
    recipe, architecture = recipes["speedrun"], catalog.architectures.get("speedrun_cnn").record

    def make(seed=0):
        torch.manual_seed(seed)
        options = {**architecture.options, "width": 0.1}
        return architecture.build(ModelRequest(num_classes=4, image_size=8, options=options))

    hp = recipe.hyperparameters().with_overrides({"epochs": 3, "batch_size": 16})
    check_resume(make_data(noise=80), hp, recipe, make=make, precision=precision, channels_last=True)


def test_low_precision_resumes_with_its_loss_scale(make_data, check_resume):
    hp = Hyperparameters(epochs=3, batch_size=16)
    check_resume(make_data(), hp, precision="fp16")


def test_seconds_add_up_over_attempts(make_data, make_net, fit):
    """Resume zeroed the time elsewhere (mteb PR 4655)."""
    states: list[bytes] = []
    hp = Hyperparameters(epochs=3, batch_size=16)
    fit(make_data(), make_net(), hp=hp, save=lambda state: states.append(state.to_bytes()))
    result, _ = fit(make_data(), make_net(), hp=hp, state=TrainingState.from_bytes(states[0]))
    assert result.seconds == pytest.approx(sum(64 / rate for rate in result.images_per_second))


def test_a_state_of_another_network_is_refused(make_data, make_net, fit):
    states: list[bytes] = []
    hp = Hyperparameters(epochs=2, batch_size=16)
    fit(make_data(), make_net(), hp=hp, save=lambda state: states.append(state.to_bytes()))
    with pytest.raises(StoreError, match="do not fit this TinyNet"):
        fit(make_data(), make_net(width=4), hp=hp, state=TrainingState.from_bytes(states[0]))
