"""Titles of trials: those of a grid show the values in which its rows differ."""

from __future__ import annotations

import pytest

from harness.planning.plan import make_plan
from harness.planning.request import BenchRequest
from harness.planning.selection import select
from harness.planning.titles import combination_title, title_of
from zoo.catalog import Catalog


@pytest.mark.parametrize(
    ("settings", "titles"),
    [
        ({}, ["resnet20_cifar · digits · sgd_quick · seed 0"]),
        ({"set": {"recipe.lr": 0.1}}, ["resnet20_cifar · digits · sgd_quick · seed 0"]),
        (
            {"set": {"recipe.lr": (0.01, 0.1)}},
            [f"resnet20_cifar · digits · sgd_quick, lr={lr} · seed 0" for lr in ("0.01", "0.1")],
        ),
        (
            {"set": {"model.drop_rate": (0.0, 0.5), "recipe.optimizer": ("sgd", "adamw")}},
            [
                f"resnet20_cifar, drop_rate={rate} · digits · sgd_quick, optimizer={optimizer} · seed 0"
                for rate in ("0", "0.5")
                for optimizer in ("sgd", "adamw")
            ],
        ),
        (
            {"recipes": ["ncm"], "train_sizes": ["5", "all"]},
            [f"resnet20_cifar · digits · ncm, train_per_class={size} · seed 0" for size in ("5", "all")],
        ),
    ],
)
def test_a_title_shows_the_values_of_a_grid(catalog: Catalog, settings: dict[str, object], titles: list[str]) -> None:
    given = {"models": ["resnet20_cifar"], "data": ["digits"], "recipes": ["sgd_quick"], "seeds": 1, **settings}
    if given["recipes"] == ["ncm"]:
        given["set"] = {"recipe.pretrained": False}
    request = BenchRequest.model_validate(given)
    plan = make_plan(select(request, catalog))
    assert sorted(title_of(spec, request.grid) for spec in plan.trials) == sorted(titles)
    combinations = [combination_title(spec, request.grid) for spec in plan.trials]
    assert sorted(combinations) == sorted(title.removesuffix(" · seed 0") for title in titles)
