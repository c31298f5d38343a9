"""What the tests of recipes share."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from zoo import Hyperparameters


@pytest.fixture(scope="session")
def settings() -> Callable[[ModuleType], dict[str, dict[str, Any]]]:
    """``settings(module)``: for each recipe of a plugin, every hyperparameter that is not at its default."""
    defaults = Hyperparameters().model_dump()

    def settings(module: ModuleType) -> dict[str, dict[str, Any]]:
        found = {recipe.name: recipe.hyperparameters().model_dump() for recipe in module.zoo_recipes()}
        return {
            name: {key: value for key, value in values.items() if value != defaults[key]}
            for name, values in found.items()
        }

    return settings
