"""Recipes: every part can be called."""

from __future__ import annotations

import pytest

from zoo import (
    Hyperparameters,
    Recipe,
)


def test_a_recipe_refuses_a_part_that_cannot_be_called() -> None:
    with pytest.raises(ValueError, match="loss must be callable"):
        Recipe(name="x", hyperparameters=Hyperparameters, loss="mse")  # type: ignore[arg-type]
