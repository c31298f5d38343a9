"""Head fitting: which recipes learn from features, which images a head is fitted to, and what its logits are."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits
from torch import nn

from harness.faults.errors import TrialError
from harness.training.resolved_recipe import ResolvedRecipe
from harness.training.state import TrainingState
from harness.trial import head_fitting
from harness.trial.head_fitting import (
    few_per_class,
    head_logits,
    initial_head,
    is_state_of_head,
    learns_from_features,
    short_classes,
    solved_head,
)
from zoo.features import FeatureSet, Head
from zoo.hyperparameters import FeatureHyperparameters, Hyperparameters
from zoo.recipe import Recipe

FROZEN = {"freeze_backbone": True, "pretrained": True, "init": "zero_head"}


@pytest.mark.parametrize(
    ("settings", "functions", "expected"),
    [
        (FROZEN, {}, True),
        (FROZEN | {"label_smoothing": 0.1, "ema_decay": 0.9, "schedule": "cosine"}, {"loss": print}, True),
        (FROZEN | {"freeze_backbone": False}, {}, False),
        (FROZEN | {"flip": True}, {}, False),
        (FROZEN | {"crop_padding": 0.1}, {}, False),
        (FROZEN | {"mixup_alpha": 0.1}, {}, False),
        (FROZEN | {"trivialaugment": True}, {}, False),
        (FROZEN | {"test_views": "flip"}, {}, False),
        (FROZEN | {"pretrained": False}, {}, True),
        (FROZEN | {"pretrained": False, "init": "kaiming"}, {}, False),
        (FROZEN | {"init": "kaiming"}, {}, True),
        (FROZEN, {"augment": print}, False),
        (FROZEN, {"prepare": print}, False),
        (FROZEN, {"make_optimizer": print}, False),
    ],
)
def test_only_recipes_that_draw_nothing_for_images_learn_from_features(
    settings: dict[str, Any], functions: dict[str, Any], expected: bool
) -> None:
    recipe = Recipe(name="probe", hyperparameters=Hyperparameters, **functions)
    assert learns_from_features(ResolvedRecipe(recipe=recipe, hp=Hyperparameters(**settings))) is expected


def test_a_head_is_copied_as_a_linear_layer() -> None:
    network = nn.ModuleDict({"body": nn.Conv2d(3, 8, 1), "classifier": nn.Conv2d(8, 4, 1)})
    head = initial_head(network)
    assert head is not None
    assert (head.in_features, head.out_features) == (8, 4)
    assert (head.weight == network["classifier"].weight.reshape(4, 8)).all()
    assert initial_head(nn.Sequential(nn.Linear(8, 4, bias=False))) is None


def test_states_of_heads_are_told_from_those_of_networks() -> None:
    def state(*names: str) -> TrainingState:
        return TrainingState(epoch=1, tree={"model": {name: torch.zeros(1) for name in names}})

    assert is_state_of_head(state("head.weight", "head.bias"))
    assert not is_state_of_head(state("head.weight", "head.bias", "conv.weight"))


def test_images_of_a_smaller_number_are_among_those_of_a_larger_one() -> None:
    labels_N = np.array([0, 0, 0, 0, 1, 1, 1, 1, 1, 2])
    drawn = [few_per_class(labels_N, count, seed=3) for count in (1, 2, 4)]
    assert [np.bincount(labels_N[some]).tolist() for some in drawn] == [[1, 1, 1], [2, 2, 1], [4, 4, 1]]
    assert set(drawn[0]) < set(drawn[1]) < set(drawn[2])
    assert few_per_class(labels_N, 0, seed=3).tolist() == list(range(10))
    others = {tuple(few_per_class(labels_N, 1, seed=seed)) for seed in range(20)}
    assert len(others) > 5


def test_classes_with_too_few_images_are_named() -> None:
    labels_N = np.array([0, 0, 0, 1, 1, 3])
    classes = ("ant", "bee", "crab", "dog")
    assert short_classes(labels_N, 0, classes) == ""
    assert short_classes(np.array([0, 1, 2, 3]), 1, classes) == ""
    assert short_classes(labels_N, 3, classes) == (
        "3 of 4 classes have fewer than 3 training images, all of which the head is fitted to: bee 2, crab 0, dog 1"
    )
    assert short_classes(labels_N, 1, classes).startswith("1 of 4 classes has fewer than 1 training images")
    many = short_classes(np.arange(9), 2, tuple("abcdefghi"))
    assert many.endswith("a 1, b 1, c 1, d 1, e 1 and 4 more")


def test_logits_that_are_not_finite_are_a_divergence() -> None:
    head = nn.Linear(2, 3)
    with torch.no_grad():
        head.weight.fill_(torch.inf)
    with pytest.raises(TrialError, match="the logits of the fitted head are not finite"):
        head_logits(head, np.zeros((4, 2), np.float32), 3)


def test_logits_of_no_images_are_none() -> None:
    assert head_logits(nn.Linear(2, 3), np.zeros((0, 2), np.float32), 3).shape == (0, 3)


def _blas_threads() -> set[int]:
    return {each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"}


def test_a_solver_has_as_many_threads_as_its_work_fills_and_gives_them_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads that wait for each other made a probe of a few hundred images take 40 s beside other processes."""
    seen: list[set[int]] = []

    def fit(features: FeatureSet, hp: Hyperparameters) -> Head:
        seen.append(_blas_threads())
        return Head(module=nn.Linear(3, 2))

    recipe = Recipe(name="solver", hyperparameters=FeatureHyperparameters, fit_head=fit)
    setup: Any = SimpleNamespace(resolved=ResolvedRecipe(recipe=recipe, hp=FeatureHyperparameters()))
    features = FeatureSet(
        train_ND=np.zeros((64, 3), np.float32),
        train_labels_N=np.zeros(64, np.int64),
        val_ND=np.zeros((0, 3), np.float32),
        val_labels_N=np.zeros(0, np.int64),
        num_classes=2,
    )
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    with threadpool_limits(2):
        solved_head(setup, features)
        monkeypatch.setattr(head_fitting, "_VALUES_PER_THREAD", 32)
        solved_head(setup, features)
        assert _blas_threads() == {2}
    assert seen == [{1}, {2}]
