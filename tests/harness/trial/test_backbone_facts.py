"""Backbone facts: found by a few forward passes, and read from the cache from then on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from harness.batches.forward_settings import ForwardSettings
from harness.batches.normalization import Normalization
from harness.data.cache.feature_files import FeatureFolder
from harness.data.images import PreparedData, TrialImages
from harness.networks.backbones import take_head
from harness.training.resolved_recipe import ResolvedRecipe
from harness.trial import backbone_facts
from harness.trial.backbone_facts import facts_of
from harness.trial.setup import TrainingSetup
from zoo.architecture import ModelRequest
from zoo.hyperparameters import FeatureHyperparameters
from zoo.recipe import Recipe


@pytest.fixture
def setup() -> TrainingSetup:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4)
    )
    recipe = Recipe(name="probe", hyperparameters=FeatureHyperparameters)
    return TrainingSetup(
        model=model,
        changes=(),
        resolved=ResolvedRecipe(recipe=recipe, hp=FeatureHyperparameters()),
        normalization=Normalization(mean=(0.5,) * 3, std=(0.25,) * 3),
        request=ModelRequest(num_classes=4, in_channels=3, image_size=8),
        architecture_name="strided",
    )


def test_facts_are_found_once(
    setup: TrainingSetup,
    make_data: Callable[..., PreparedData],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    images = TrialImages(make_data())
    settings = ForwardSettings(device=torch.device("cpu"), normalization=setup.normalization, precision="fp32")
    kept = FeatureFolder("strided", {"weights": "a"})
    facts = facts_of(kept, setup, settings, images, asks_layout=True)
    assert (facts.layer, facts.output, facts.own_head, facts.layout) == ("4", "", True, "contiguous")
    assert facts.macs == 3 * 9 * 8 * 9 + 8 * 4

    pooled = replace(setup, resolved=replace(setup.resolved, hp=FeatureHyperparameters(layer="pooled")))
    other = facts_of(FeatureFolder("strided", {"weights": "b"}), pooled, settings, images, asks_layout=False)
    assert (other.layer, other.output, other.own_head) == ("output of 1", "1", False)

    monkeypatch.setattr(backbone_facts, "takes_linear_head", None)
    assert facts_of(kept, setup, settings, images, asks_layout=True) == facts
    assert take_head(setup.model).layer == "4", "the head is where it was"
