"""The recipe that trains nothing."""

from __future__ import annotations

from plugins.recipes import published


def test_it_takes_published_weights_and_trains_nothing(settings):
    (recipe,) = published.zoo_recipes()
    assert not recipe.trains
    assert settings(published) == {"as_published": {"pretrained": True}}


def test_the_kit_finds_nothing_wrong_with_it(hold):
    assert "hyperparameters_serialise" in hold("recipes", "as_published")
