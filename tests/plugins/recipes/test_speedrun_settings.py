"""The hyperparameters of the speedrun recipe extend those of every recipe, and are validated."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from plugins.recipes.speedrun_settings import SpeedrunHyperparameters
from zoo import Hyperparameters


def test_it_adds_these_settings_each_with_a_description():
    own = SpeedrunHyperparameters.model_fields.keys() - Hyperparameters.model_fields.keys()
    assert own == {"muon_iterations", "shift_lr", "rest_lr", "rest_momentum", "rest_decay", "views"}
    assert all(SpeedrunHyperparameters.model_fields[name].description for name in own)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("muon_iterations", 0),
        ("shift_lr", 0.0),
        ("rest_lr", -1.0),
        ("rest_momentum", 1.0),
        ("rest_decay", -1e-9),
        ("views", "all"),
    ],
)
def test_a_value_out_of_range_is_refused(name, value):
    with pytest.raises(ValidationError, match=name):
        SpeedrunHyperparameters(**{name: value})


def test_values_survive_json():
    hp = SpeedrunHyperparameters(shift_lr=0.1, views="mirrored")
    assert SpeedrunHyperparameters.model_validate_json(hp.model_dump_json()) == hp
