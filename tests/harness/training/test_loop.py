"""The engine: what it learns, what it refuses, and that each draw has its own source."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
import torch
from torch import nn

from harness.data.images import TrialImages
from harness.faults.errors import TrialError
from harness.records.record import FailureKind
from zoo import Hyperparameters, Recipe

PLAIN = Recipe(name="plain", hyperparameters=Hyperparameters)


def test_overfits_64_images(make_data, make_net, fit):
    rng = np.random.default_rng(0)
    data = make_data(num_train=64, noise=60, labels=rng.integers(0, 4, 64).tolist())
    _, epochs = fit(data, make_net(width=32, dropout=0.0), epochs=60, batch_size=16, lr=0.02, schedule="onecycle")
    assert epochs[-1].train_accuracy == 1.0
    assert epochs[-1].train_loss < 0.05


def test_learns_patterns_that_are_there(make_data, make_net, fit):
    result, epochs = fit(make_data(), make_net(), epochs=6)
    assert epochs[-1].val_accuracy > 0.9
    assert result.best_val_accuracy >= epochs[-1].val_accuracy
    assert epochs[-1].train_loss < epochs[0].train_loss
    assert result.final_train_loss == epochs[-1].train_loss


def test_shuffled_labels_stay_at_chance(make_data, make_net, fit):
    data = make_data(num_train=200, num_val=400, shuffled=True)
    _, epochs = fit(data, make_net(), epochs=4)
    # 400 images, 4 classes: chance is 0.25 with a standard deviation of 0.022.
    assert abs(epochs[-1].val_accuracy - 0.25) < 0.1


def test_the_same_seed_twice_is_equal_bit_for_bit(make_data, make_net, fit, equal):
    data = make_data()
    settings = {"crop_padding": 0.125, "flip": True, "cutout": 0.3, "mixup_alpha": 0.2, "randaugment_ops": 1}
    one, other = make_net(), make_net()
    fit(data, one, **settings)
    fit(data, other, **settings)
    assert equal(one, other)


def test_the_state_of_global_generators_changes_nothing(make_data, make_net, fit, equal):
    data = make_data()
    one, other = make_net(), make_net()
    fit(data, one)
    torch.rand(17)
    fit(data, other)
    assert equal(one, other)


def test_other_seeds_give_other_weights(make_data, make_net, fit, equal):
    data = make_data()
    one, other = make_net(), make_net()
    fit(data, one, seed=0)
    fit(data, other, seed=1)
    assert not equal(one, other)


def test_a_last_batch_of_one_trains(make_data, make_net, fit):
    # Batch normalisation over 1 image of 1 pixel raises in train mode; 33 = 16 + 17.
    net = nn.Sequential(nn.Conv2d(3, 4, 8), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 4))
    result, _ = fit(make_data(num_train=33), net)
    assert result.epochs_run == 2


def test_no_training_step_is_an_error(make_data, make_net, fit):
    with pytest.raises(TrialError, match="at least 2 images") as caught:
        fit(make_data(num_train=1), make_net())
    assert caught.value.kind is FailureKind.DATA


def test_a_batch_larger_than_the_data_is_one_step(make_data, make_net, fit):
    seen = []
    recipe = dataclasses.replace(PLAIN, lr_factor=lambda progress, hp: seen.append(progress) or 1.0)
    fit(make_data(num_train=10), make_net(), recipe=recipe, batch_size=1000, epochs=4)
    assert seen == [0, 0.25, 0.5, 0.75]


def test_a_learning_rate_far_too_high_is_diverged(make_data, make_net, fit):
    with pytest.raises(TrialError, match="not finite") as caught:
        fit(make_data(), make_net(), lr=1e30, epochs=3)
    assert caught.value.kind is FailureKind.DIVERGED


def test_a_network_that_returns_nan_is_diverged(make_data, fit):
    class Nan(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(1, 4)

        def forward(self, images_BCHW):
            return self.head(images_BCHW[:, 0, 0, :1]) * float("nan")

    with pytest.raises(TrialError) as caught:
        fit(make_data(), Nan())
    assert caught.value.kind is FailureKind.DIVERGED


@pytest.mark.parametrize(
    ("output", "said"),
    [
        (lambda logits: [logits], "list"),
        (lambda logits: logits[:, :3], r"float32 \[16, 3\]"),
        (lambda logits: logits.argmax(1), r"int64 \[16\]"),
    ],
    ids=["a list", "too few classes", "predicted classes"],
)
def test_outputs_that_are_not_logits_are_a_plugin_error(make_data, output, said, fit):
    class Wrong(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(192, 4)

        def forward(self, images_BCHW):
            return output(self.head(images_BCHW.flatten(1)))

    with pytest.raises(TrialError, match=said) as caught:
        fit(make_data(), Wrong())
    assert caught.value.kind is FailureKind.PLUGIN


def test_training_leaves_the_test_split_locked(make_data, make_net, fit):
    """pytorch-cifar#14, #145, pytorch-cifar100#60: the best epoch was chosen on the test set."""
    images = TrialImages(make_data())
    fit(images, make_net())
    with pytest.raises(RuntimeError, match="after training"):
        images.open_test()


def test_the_test_images_change_nothing(make_data, make_net, fit, equal):
    one, other = make_net(), make_net()
    fit(make_data(num_test=32), one)
    fit(make_data(num_test=5), other)
    assert equal(one, other)


def test_accumulated_micro_batches_equal_the_whole_batch(make_data, fit):
    def net() -> nn.Module:  # without batch normalisation, which sees micro-batches
        torch.manual_seed(0)
        return nn.Sequential(nn.Flatten(), nn.Linear(192, 4)).double().float()

    data = make_data(num_train=50, labels=[0] * 20 + [1] * 15 + [2] * 10 + [3] * 5)
    settings = {"class_weights": "balanced", "label_smoothing": 0.1, "mixup_alpha": 0.3}
    one, other = net(), net()
    (first, _), (second, _) = fit(data, one, **settings), fit(data, other, accumulate_steps=4, **settings)
    assert first.final_train_loss == pytest.approx(second.final_train_loss, rel=1e-5)
    for mine, theirs in zip(one.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-6)


def test_channels_last_computes_the_same(make_data, make_net, fit):
    data = make_data()
    one, other = make_net(dropout=0.0), make_net(dropout=0.0)
    fit(data, one, crop_padding=0.125)
    fit(data, other, crop_padding=0.125, channels_last=True)
    for mine, theirs in zip(one.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_low_precision_keeps_float32_weights_and_learns(make_data, make_net, precision, fit):
    net = make_net()
    _, epochs = fit(make_data(), net, epochs=6, precision=precision)
    assert epochs[-1].val_accuracy > 0.9
    assert {parameter.dtype for parameter in net.parameters()} == {torch.float32}


def test_images_need_not_be_colour(make_data, make_net, fit):
    data = make_data(channels=1)
    settings = {"crop_padding": 0.125, "color_jitter": 0.3, "randaugment_ops": 2, "random_resized_crop": 0.5}
    _, epochs = fit(data, make_net(channels=1), channels_last=True, epochs=1, **settings)
    assert np.isfinite(epochs[0].val_loss)


def test_seconds_cover_every_epochs_training(make_data, make_net, fit):
    result, epochs = fit(make_data(), make_net(), epochs=3)
    assert len(result.images_per_second) == 3
    assert result.seconds == pytest.approx(sum(64 / rate for rate in result.images_per_second))
    assert result.seconds <= sum(epoch.seconds for epoch in epochs)
    assert [epoch.images_per_second for epoch in epochs] == list(result.images_per_second)


def test_an_epoch_has_the_joules_between_its_ends_unless_it_gave_way(make_data, make_net, fit):
    counter = itertools.count(100, 7)
    _, epochs = fit(make_data(), make_net(), epochs=3, joules=lambda: float(next(counter)))
    assert [epoch.joules for epoch in epochs] == [7.0, 7.0, 7.0]
    waits = itertools.chain([1000.0], itertools.repeat(0.0))  # before the first step: another trial has the device
    _, epochs = fit(
        make_data(), make_net(), epochs=2, joules=lambda: float(next(counter)), give_way=lambda: next(waits)
    )
    assert [epoch.joules for epoch in epochs] == [None, 7.0]
    assert epochs[0].seconds < 0, "seconds of waiting are subtracted, and here nobody waited"


def test_without_a_counter_no_epoch_has_joules(make_data, make_net, fit):
    _, epochs = fit(make_data(), make_net())
    assert [epoch.joules for epoch in epochs] == [None, None]
