"""Schedules against torch's own, and on values that can be worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch.optim import lr_scheduler

from harness.training.schedules import Plateau, lr_factor
from zoo import Hyperparameters

STEPS_PER_EPOCH = 7


def factors(**settings) -> list[float]:
    hp = Hyperparameters(**{"epochs": 5, **settings})
    return [lr_factor(step, hp, steps_per_epoch=STEPS_PER_EPOCH) for step in range(hp.epochs * STEPS_PER_EPOCH)]


def torch_factors(make, count: int) -> list[float]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = make(optimizer)
    values = []
    for _ in range(count):
        values.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return values


def test_constant_is_constant():
    assert set(factors(schedule="constant")) == {1.0}


def test_step_is_torchs_step_lr_by_epochs():
    ours = factors(schedule="step", step_epochs=2, gamma=0.3)
    theirs = torch_factors(lambda optimizer: lr_scheduler.StepLR(optimizer, 2, 0.3), 5)
    assert ours[::STEPS_PER_EPOCH] == pytest.approx(theirs)
    assert ours[STEPS_PER_EPOCH - 1 :: STEPS_PER_EPOCH] == pytest.approx(theirs)


@pytest.mark.parametrize("final", [0.0, 0.1])
def test_cosine_is_torchs_cosine_annealing_by_steps(final):
    ours = factors(schedule="cosine", final_lr_scale=final)
    theirs = torch_factors(lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=len(ours), eta_min=final), len(ours))
    assert ours == pytest.approx(theirs, abs=1e-12)


@pytest.mark.parametrize("rise", [0.1, 0.3, 0.8])
def test_onecycle_is_torchs_onecycle(rise):
    final = 0.004
    ours = factors(schedule="onecycle", onecycle_rise=rise, final_lr_scale=final)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = lr_scheduler.OneCycleLR(
        optimizer, max_lr=1.0, total_steps=len(ours), pct_start=rise, final_div_factor=1 / 25 / final
    )
    theirs = [schedule.get_last_lr()[0]]
    for _ in ours[1:]:
        optimizer.step()
        schedule.step()
        theirs.append(schedule.get_last_lr()[0])
    assert ours == pytest.approx(theirs, abs=1e-12)


def test_onecycle_of_few_steps_stays_within_its_bounds():
    hp = Hyperparameters(epochs=1, schedule="onecycle")
    for steps in (1, 2, 3, 4):
        values = [lr_factor(step, hp, steps_per_epoch=steps) for step in range(steps)]
        assert all(0 <= value <= 1 for value in values)
        assert max(values) > 0


def test_warm_up_rises_linearly_and_reaches_the_highest_rate_with_its_last_step():
    for schedule in ("constant", "cosine", "step"):
        values = factors(schedule=schedule, warmup_epochs=1, step_epochs=100)
        assert values[:STEPS_PER_EPOCH] == pytest.approx([(step + 1) / 7 for step in range(7)])
        assert values[STEPS_PER_EPOCH] == pytest.approx(1.0)


def test_a_warm_up_longer_than_the_training_is_cut():
    values = factors(schedule="cosine", warmup_epochs=100)
    assert values[-1] == 1.0
    assert values == sorted(values)


def test_a_recipes_own_schedule_gets_progress():
    hp = Hyperparameters(epochs=2, schedule="step", warmup_epochs=1)
    assert lr_factor(3, hp, steps_per_epoch=5, custom=lambda progress, hp: progress) == pytest.approx(0.3)


@pytest.mark.parametrize("patience", [0, 1, 3])
def test_plateau_is_torchs_reduce_lr_on_plateau(patience):
    losses = [1.0, 0.9, 0.95, 0.9, 0.89999, 0.5, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6, 0.4, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=patience)
    ours = Plateau(patience=patience, factor=0.5)
    for loss in losses:
        theirs.step(loss)
        ours.observe(loss)
        assert ours.scale == optimizer.param_groups[0]["lr"]


def test_a_loss_that_is_not_a_number_is_not_better():
    plateau = Plateau(patience=0, factor=0.5)
    for loss in (math.nan, 1.0, math.nan, 0.5):
        plateau.observe(loss)
    assert plateau.best == 0.5
    assert plateau.scale == 0.25
