"""Training seeds together and one after another, from the same networks."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
import torch
from torch import nn

from harness.batches.forward_settings import ForwardSettings
from harness.data.images import PreparedData, TrialImages
from harness.training.loop import EpochResult, TrainingHooks, train
from harness.training.resolved_recipe import ResolvedRecipe
from harness.training.seeds.loop import SeedHooks, SeedRun, train_seeds
from harness.training.state import TrainingState
from zoo import Hyperparameters, Recipe

SEEDS = (0, 1, 2)
PLAIN = Recipe(name="plain", hyperparameters=Hyperparameters)


class Trainings:
    """What both ways of training left: states by seed and epoch, and results in order."""

    def __init__(self) -> None:
        self.states: dict[int, dict[int, TrainingState]] = {}
        self.results: dict[int, list[EpochResult]] = {}
        self.musts: list[bool] = []

    def keep(self, seed: int, state: TrainingState) -> None:
        self.states.setdefault(seed, {})[state.epoch] = TrainingState.from_bytes(state.to_bytes())

    def last(self, seed: int) -> TrainingState:
        epochs = self.states[seed]
        return epochs[max(epochs)]


class Way:
    """A recipe on some images."""

    def __init__(self, data: PreparedData, recipe: Recipe = PLAIN, **settings: Any) -> None:
        forward = {name: settings.pop(name) for name in ("precision", "channels_last") if name in settings}
        self.images, self.data = TrialImages(data), data
        hp = Hyperparameters(**{"epochs": 2, "batch_size": 16, "lr": 0.05, **settings})
        self.resolved = ResolvedRecipe(recipe=recipe, hp=hp)
        self.settings = ForwardSettings(device=torch.device("cpu"), normalization=data, **forward)

    def apart(
        self,
        make: Callable[[int], nn.Module],
        *,
        seeds: Sequence[int] = SEEDS,
        states: Mapping[int, TrainingState] | None = None,
    ) -> Trainings:
        done = Trainings()
        for seed in seeds:
            results = done.results.setdefault(seed, [])
            train(
                make(seed),
                TrialImages(self.data),
                self.resolved,
                self.settings,
                seed=seed,
                hooks=TrainingHooks(emit=results.append, save=lambda state, seed=seed: done.keep(seed, state)),
                state=None if states is None else states[seed],
            )
        return done

    def together(
        self,
        make: Callable[[int], nn.Module],
        *,
        seeds: Sequence[int] = SEEDS,
        states: Mapping[int, TrainingState] | None = None,
    ) -> Trainings:
        done = Trainings()

        def save(kept: Mapping[int, TrainingState], must: bool) -> None:
            done.musts.append(must)
            for seed, state in kept.items():
                done.keep(seed, state)

        train_seeds(
            [SeedRun(seed=seed, model=make(seed), state=None if states is None else states[seed]) for seed in seeds],
            self.images,
            self.resolved,
            self.settings,
            hooks=SeedHooks(
                emit=lambda seed, result: done.results.setdefault(seed, []).append(copy.copy(result)), save=save
            ),
            reason="they were asked to",
        )
        return done


@pytest.fixture
def way() -> type[Way]:
    return Way


def difference(one: Any, other: Any) -> float:
    """Return the largest difference of two trees' numbers; other values must be equal."""
    if isinstance(one, torch.Tensor):
        assert one.shape == other.shape
        assert one.dtype == other.dtype
        return float((one.double() - other.double()).abs().max()) if one.numel() else 0.0
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        return max((difference(one[key], other[key]) for key in one), default=0.0)
    if isinstance(one, list | tuple):
        assert len(one) == len(other)
        return max(map(difference, one, other), default=0.0)
    if isinstance(one, float):
        return abs(one - other)
    assert one == other
    return 0.0


@pytest.fixture
def apart_by() -> Callable[[TrainingState, TrainingState], float]:
    """Return how far two states are apart, without their clocks and without what says how they came about."""

    def measure(one: TrainingState, other: TrainingState) -> float:
        assert one.epoch == other.epoch
        trees = [dict(state.tree) for state in (one, other)]
        for tree in trees:
            tree.pop("batched_seeds", None)
            tree.pop("rates")
            tree["totals"] = {name: value for name, value in tree["totals"].items() if name != "seconds"}
        return difference(*trees)

    return measure
