"""Every hyperparameter has the effect that its description says."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import nn

from harness.batches.forward_settings import ForwardSettings
from harness.data.images import TrialImages
from harness.training.loop import TrainingHooks, train
from harness.training.resolved_recipe import ResolvedRecipe
from zoo import Hyperparameters, Recipe

CPU = torch.device("cpu")
PLAIN = Recipe(name="plain", hyperparameters=Hyperparameters)

CHANGES = {
    "epochs": 3,
    "batch_size": 8,
    "optimizer": "adam",
    "lr": 0.02,
    "momentum": 0.5,
    "nesterov": True,
    "weight_decay": 0.1,
    "backbone_lr_scale": 0.1,
    "layer_decay": 0.5,
    "schedule": "cosine",
    "warmup_epochs": 1.0,
    "label_smoothing": 0.2,
    "class_weights": "balanced",
    "sampling": "balanced",
    "crop_padding": 0.25,
    "flip": True,
    "random_resized_crop": 0.3,
    "progressive_resizing": 0.5,
    "cutout": 0.5,
    "random_erasing": 0.8,
    "color_jitter": 0.5,
    "hue_jitter": 0.4,
    "randaugment_ops": 2,
    "trivialaugment": True,
    "mixup_alpha": 0.5,
    "cutmix_alpha": 0.5,
    "clip_norm": 0.1,
    "ema_decay": 0.9,
    "init": "orthogonal",
    "freeze_backbone": True,
    "accumulate_steps": 2,
}
"""What changes the weights by itself."""

STALLED = {"schedule": "plateau", "lr": 1e-12, "freeze_backbone": True, "epochs": 6}

WITHIN = {
    "beta1": ({"optimizer": "adam"}, 0.5),
    "beta2": ({"optimizer": "adam"}, 0.9),
    "decay_norm_and_bias": ({"weight_decay": 0.5}, False),
    "step_epochs": ({"schedule": "step", "gamma": 0.1}, 1),
    "gamma": ({"schedule": "step", "step_epochs": 1}, 0.9),
    "plateau_patience": (STALLED, 0),
    "plateau_factor": ({**STALLED, "plateau_patience": 0}, 0.5),
    "onecycle_rise": ({"schedule": "onecycle"}, 0.7),
    "final_lr_scale": ({"schedule": "cosine"}, 0.5),
    "flip_mode": ({"flip": True}, "alternating"),
    "randaugment_magnitude": ({"randaugment_ops": 2}, 0.9),
    "keep": ({"epochs": 6, "monitor": "val_accuracy"}, "best"),
    "monitor": ({"epochs": 6, "keep": "best"}, "val_loss"),
    "early_stopping_patience": ({"epochs": 8}, 1),
}
"""What changes the weights together with something else."""

ELSEWHERE = {"pretrained", "test_views"}
"""What the builder of the network looks at, or what only predicts."""


def test_every_hyperparameter_is_tested_here():
    assert set(CHANGES) | set(WITHIN) | ELSEWHERE == set(Hyperparameters.model_fields)


@pytest.mark.parametrize("field", [*CHANGES, *WITHIN])
def test_changing_it_changes_the_training(make_data, make_net, field, fit, equal):
    data = make_data(num_train=33, noise=80, labels=[0] * 15 + [1] * 9 + [2] * 6 + [3] * 3)
    base, value = WITHIN.get(field, ({}, CHANGES.get(field)))
    one, other = make_net(), make_net()
    _, epochs = fit(data, one, **base)
    _, other_epochs = fit(data, other, **{**base, field: value})
    assert not equal(one, other) or [e.lr for e in epochs] != [e.lr for e in other_epochs]


def test_flips_are_left_out_where_a_mirrored_image_means_something_else(make_data, make_net, fit, equal):
    data = make_data(mirror_symmetric=False)
    one, other = make_net(), make_net()
    fit(data, one, crop_padding=0.125, flip=False)
    fit(data, other, crop_padding=0.125, flip=True)
    assert equal(one, other)


def test_a_frozen_backbone_keeps_its_weights_and_its_batch_statistics(make_data, make_net, fit, equal, weights):
    net = make_net()
    before = weights(net)
    fit(make_data(), net, freeze_backbone=True, weight_decay=0.1)
    after = weights(net)
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"head.weight", "head.bias"}


def test_a_lower_rate_for_the_backbone_moves_it_less(make_data, make_net, fit, weights):
    def moved(scale: float) -> tuple[float, float]:
        net = make_net()
        before = weights(net)
        fit(make_data(), net, backbone_lr_scale=scale, momentum=0.0, epochs=1)
        after = net.state_dict()
        return tuple(float((after[n] - before[n]).norm()) for n in ("conv.weight", "head.weight"))

    (backbone, head), (full_backbone, _) = moved(0.01), moved(1.0)
    assert backbone < 0.05 * full_backbone
    assert head > 0


def test_clipping_bounds_the_first_step(make_data, fit, weights):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(192, 4))
    before = weights(net)
    fit(make_data(), net, epochs=1, batch_size=64, lr=1.0, momentum=0.0, clip_norm=1e-3)
    moved = sum(float((value - before[name]).square().sum()) for name, value in net.state_dict().items()) ** 0.5
    assert moved == pytest.approx(1e-3, rel=1e-3)


def test_an_optimizer_of_timms_trains_and_learns(make_data, make_net, fit):
    _, epochs = fit(make_data(), make_net(), optimizer="timm/lamb", lr=0.01, epochs=6)
    assert epochs[-1].train_loss < epochs[0].train_loss


def test_views_of_test_images_change_what_is_validated_and_not_the_weights(make_data, make_net, fit, equal):
    data = make_data()
    one, other = make_net(), make_net()
    _, epochs = fit(data, one)
    _, other_epochs = fit(data, other, test_views="flip_crops")
    assert equal(one, other)
    assert epochs[-1].val_loss != other_epochs[-1].val_loss


def test_the_best_epochs_weights_are_tested(make_data, make_net, equal, weights):
    data = make_data(noise=90)
    snapshots: dict[int, dict[str, torch.Tensor]] = {}
    net = make_net()
    hp = Hyperparameters(epochs=8, batch_size=16, lr=0.1, keep="best")
    epochs = []

    def emit(result):
        epochs.append(result)
        snapshots[result.epoch] = weights(net)

    images = TrialImages(data)
    result = train(
        net,
        images,
        ResolvedRecipe(recipe=PLAIN, hp=hp),
        ForwardSettings(device=CPU, normalization=data),
        seed=0,
        hooks=TrainingHooks(emit=emit),
    )
    best = max(epoch.val_accuracy for epoch in epochs)
    first_best = next(epoch.epoch for epoch in epochs if epoch.val_accuracy == best)
    assert result.tested_epoch == first_best
    assert result.best_val_accuracy == best
    assert all(torch.equal(value, net.state_dict()[name]) for name, value in snapshots[first_best].items())


def test_early_stopping_stops_after_the_given_number_of_epochs_without_improvement(make_data, make_net, fit):
    result, epochs = fit(make_data(), make_net(), epochs=50, lr=1e-12, early_stopping_patience=3)
    best = max(range(len(epochs)), key=lambda index: epochs[index].val_accuracy)
    assert result.stopped_early
    assert result.epochs_run == len(epochs) == best + 1 + 3


def test_stopping_at_the_last_epoch_is_not_early(make_data, make_net, fit):
    result, _ = fit(make_data(), make_net(), epochs=1, early_stopping_patience=1)
    assert not result.stopped_early


def test_averaged_weights_are_what_is_validated_and_tested(make_data, make_net, fit, equal):
    data = make_data()
    net, averaged = make_net(), make_net()
    _, epochs = fit(data, net, epochs=1)
    _, averaged_epochs = fit(data, averaged, epochs=1, ema_decay=0.99)
    assert epochs[0].train_loss == averaged_epochs[0].train_loss  # the training itself is the same
    assert epochs[0].val_loss != averaged_epochs[0].val_loss
    assert not equal(net, averaged)


def test_mixing_leaves_training_accuracy_out(make_data, make_net, fit):
    _, epochs = fit(make_data(), make_net(), cutmix_alpha=1.0)
    assert [epoch.train_accuracy for epoch in epochs] == [None, None]


def test_the_schedule_reaches_the_optimizer(make_data, make_net, fit):
    _, epochs = fit(make_data(), make_net(), epochs=4, schedule="step", step_epochs=2, gamma=0.5, lr=0.08)
    assert [epoch.lr for epoch in epochs] == pytest.approx([0.08, 0.08, 0.04, 0.04])


def test_plateau_drops_the_rate_when_validation_loss_stalls(make_data, make_net, fit):
    _, epochs = fit(
        make_data(), make_net(), epochs=6, schedule="plateau", plateau_patience=1, plateau_factor=0.1, lr=1e-9
    )
    assert epochs[0].lr == 1e-9
    assert epochs[-1].lr < 1e-9


def test_a_recipes_own_parts_take_the_place_of_the_engines(make_data, make_net, fit):
    calls: dict[str, int] = {}

    def count(name):
        calls[name] = calls.get(name, 0) + 1

    def prepare(model, images_BCHW, hp):
        count("prepare")
        assert images_BCHW.shape == (64, 3, 8, 8)
        assert images_BCHW.dtype == torch.float32

    def make_optimizer(model, hp):
        count("make_optimizer")
        return torch.optim.Adagrad(model.parameters(), lr=0.01)

    def augment(images_BCHW, generator, hp):
        count("augment")
        assert images_BCHW.dtype == torch.uint8
        return 255 - images_BCHW

    def loss(logits_BK, targets, hp):
        count("loss")
        return nn.functional.multi_margin_loss(logits_BK, targets)

    def predict(model, images_BCHW, hp):
        count("predict")
        return (model(images_BCHW) + model(images_BCHW.flip(3))) / 2

    def lr_factor(progress, hp):
        count("lr_factor")
        return 1 - progress

    recipe = dataclasses.replace(
        PLAIN,
        prepare=prepare,
        make_optimizer=make_optimizer,
        augment=augment,
        loss=loss,
        predict=predict,
        lr_factor=lr_factor,
    )
    _, epochs = fit(make_data(), make_net(), recipe=recipe, epochs=2)
    assert calls == {"prepare": 1, "make_optimizer": 1, "augment": 8, "loss": 8, "predict": 2, "lr_factor": 8}
    assert epochs[-1].lr == pytest.approx(0.01 * (1 - 7 / 8))
