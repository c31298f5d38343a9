"""The speedrun recipe: public hooks, each doing what its docstring says."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import nn

from plugins.architectures.resnet_cifar import CifarResNet
from plugins.architectures.speedrun_net import SpeedrunNet
from plugins.recipes import speedrun
from zoo import Hyperparameters
from zoo.errors import UsageError

(RECIPE,) = speedrun.zoo_recipes()


def hyperparameters(**changes):
    return RECIPE.hyperparameters().with_overrides(changes)


def names_of(model, params):
    by_id = {id(parameter): name for name, parameter in model.named_parameters()}
    return {by_id[id(param)] for param in params}


def test_its_own_settings_can_be_overridden_and_are_checked_like_all():
    hp = hyperparameters(shift_lr=0.1, epochs=3, views="plain")
    assert isinstance(hp, Hyperparameters)
    assert (hp.shift_lr, hp.epochs, hp.views, hp.flip_mode) == (0.1, 3, "plain", "alternating")
    with pytest.raises(UsageError, match="shift_lr"):
        hyperparameters(shift_rl=0.1)
    with pytest.raises(UsageError, match="'plain', 'mirrored' or 'moved'"):
        hyperparameters(views="all")


def test_it_sees_about_as_many_images_as_eight_epochs_of_all_of_cifar10():
    assert RECIPE.hyperparameters().epochs * 45_000 == pytest.approx(8 * 50_000, rel=0.02)


def test_convolutions_go_to_muon_lone_biases_learn_fast_and_all_is_covered_once():
    model = SpeedrunNet(10, width=0.1)
    filters, shifts, rest = speedrun.make_optimizer(model, hyperparameters(batch_size=1000)).param_groups
    assert names_of(model, filters["params"]) == {f"groups.{g}.conv{c}.weight" for g in range(3) for c in (1, 2)}
    assert names_of(model, shifts["params"]) == {
        "stem.bias",
        *(f"groups.{g}.norm{n}.bias" for g in range(3) for n in (1, 2)),
    }
    assert names_of(model, rest["params"]) == {"head.weight"}
    assert [group["orthogonalize"] for group in (filters, shifts, rest)] == [True, False, False]
    assert (filters["lr"], shifts["lr"], rest["lr"]) == pytest.approx((0.24, 53, 0.01))
    # What is taken off in a step, before momentum, is the same share for both.
    assert shifts["lr"] * shifts["weight_decay"] == pytest.approx(rest["lr"] * rest["weight_decay"]) == 2e-3


@pytest.mark.parametrize(
    "model", [CifarResNet((1, 1, 1), 10), nn.Sequential(nn.Flatten(), nn.Linear(192, 10))], ids=["resnet", "linear"]
)
def test_any_other_network_is_trained_as_well_its_scaled_shifts_slowly(model):
    optimizer = speedrun.make_optimizer(model, hyperparameters())
    listed = [param for group in optimizer.param_groups for param in group["params"]]
    assert len(listed) == len({id(param) for param in listed}) == len(list(model.parameters()))
    assert max(group["lr"] for group in optimizer.param_groups) <= 0.24
    speedrun.prepare(model, torch.randn(4, 3, 8, 8), hyperparameters())  # has nothing to whiten


def test_the_first_layer_is_whitened_from_the_images_that_it_gets():
    model = SpeedrunNet(10, width=0.1)
    before = model.stem.weight.clone()
    speedrun.prepare(model, torch.randn(64, 3, 8, 8), hyperparameters())
    assert not torch.equal(model.stem.weight, before)


def test_the_rate_falls_in_a_straight_line_to_nothing():
    assert [speedrun.linear_decay(progress, hyperparameters()) for progress in (0.0, 0.25, 1.0)] == [1.0, 0.75, 0.0]


class Corner(nn.Module):
    """Says what the upper left pixel is: a network that sees every view differently."""

    def forward(self, images_BCHW):
        return images_BCHW[:, :2, 0, 0]


@pytest.fixture
def images():
    torch.manual_seed(0)
    return torch.randn(5, 3, 32, 32)


def test_predictions_are_averaged_over_six_views(images):
    def pixel(row, column):
        return images[:, :2, row, column]

    here = (pixel(0, 0) + pixel(0, 31)) / 2
    # Reflected, what comes in from above and from the left is the second pixel.
    up_left = (pixel(1, 1) + pixel(1, 30)) / 2
    down_right = (pixel(1, 1) + pixel(1, 30)) / 2
    expected_BK = here / 2 + (up_left + down_right) / 4
    torch.testing.assert_close(speedrun.predict(Corner(), images, hyperparameters()), expected_BK)
    mirrored_BK = speedrun.predict(Corner(), images, hyperparameters(views="mirrored"))
    torch.testing.assert_close(mirrored_BK, here)
    assert torch.equal(speedrun.predict(Corner(), images, hyperparameters(views="plain")), pixel(0, 0))


def test_nothing_is_mirrored_where_training_does_not(images):
    hp = hyperparameters(flip=False)
    expected_BK = (images[:, :2, 0, 0] + images[:, :2, 1, 1]) / 2
    torch.testing.assert_close(speedrun.predict(Corner(), images, hp), expected_BK)
    hp = hyperparameters(flip=False, views="mirrored")
    assert torch.equal(speedrun.predict(Corner(), images, hp), images[:, :2, 0, 0])


@pytest.mark.parametrize(("side", "num_views"), [(1, 2), (15, 2), (16, 2), (17, 6), (33, 6), (64, 6)])
def test_views_are_of_the_images_own_size_and_tiny_images_are_not_moved(side, num_views):
    seen = []

    def model(images_BCHW):
        seen.append(images_BCHW.shape)
        return torch.zeros(len(images_BCHW), 10)

    logits_BK = speedrun.predict(model, torch.zeros(7, 1, side, side), hyperparameters())
    assert logits_BK.shape == (7, 10)
    assert seen == [(7, 1, side, side)] * num_views


def test_listing_and_showing_it_loads_no_torch():
    code = (
        "import sys\n"
        "from plugins.recipes import speedrun\n"
        "(recipe,) = speedrun.zoo_recipes()\n"
        "assert not {'torch', 'numpy', 'pydantic'} & set(sys.modules)\n"
        "recipe.hyperparameters()\n"
        "assert not {'torch', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
