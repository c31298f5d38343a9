"""The speedrun as a whole: an ordinary recipe and network that learn faster than others, by public hooks only."""

from __future__ import annotations

import pytest
import torch

from zoo import ModelRequest


@pytest.fixture
def val_accuracies(make_data, fit, catalog):
    """Train the speedrun network for a few epochs on images of which noise is the larger part."""
    data = make_data(num_train=256, num_val=200, classes=8, size=16, noise=60)

    def run(recipe_name: str, *, whitened: bool = True, **changes) -> list[float]:
        architecture = catalog.architectures.get("speedrun_cnn").record
        recipe = catalog.recipes.get(recipe_name).record
        torch.manual_seed(0)
        options = {"width": 0.25, "whitened": whitened}
        net = architecture.build(ModelRequest(num_classes=8, image_size=16, options=options))
        hp = recipe.hyperparameters().with_overrides({"epochs": 4, "batch_size": 32, **changes})
        _, epochs = fit(data, net, hp=hp, recipe=recipe)
        return [epoch.val_accuracy for epoch in epochs]

    return run


def test_it_learns_in_a_few_epochs(val_accuracies):
    accuracies = val_accuracies("speedrun", flip=False)
    assert accuracies[-1] > 0.9


def test_it_learns_faster_than_one_cycle_of_sgd_with_the_same_network(val_accuracies):
    fast, usual = (val_accuracies(name, flip=False) for name in ("speedrun", "sgd_quick"))
    assert fast[0] > usual[0] + 0.2
    assert sum(fast) > sum(usual) + 0.4


def test_shuffled_labels_are_not_learnt(make_data, fit, catalog):
    """A score above chance on labels that mean nothing would be a leak."""
    data = make_data(num_train=128, num_val=400, classes=4, size=8, shuffled=True)
    architecture, recipe = (catalog.architectures.get("speedrun_cnn").record, catalog.recipes.get("speedrun").record)
    torch.manual_seed(0)
    net = architecture.build(ModelRequest(num_classes=4, image_size=8, options={"width": 0.1, "whitened": True}))
    _, epochs = fit(data, net, hp=recipe.hyperparameters().with_overrides({"batch_size": 32}), recipe=recipe)
    assert abs(epochs[-1].val_accuracy - 0.25) < 5 * (0.25 * 0.75 / 400) ** 0.5
