"""The hyperparameters of the recipes on features extend those of every such recipe, and are validated."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from plugins.recipes.feature_settings import KnnHyperparameters, LdaHyperparameters, ProbeHyperparameters
from zoo import FeatureHyperparameters

OWN = {
    ProbeHyperparameters: {"inverse_penalty", "max_iterations"},
    KnnHyperparameters: {"neighbors", "weighting", "distance"},
    LdaHyperparameters: {"shrinkage"},
}


@pytest.mark.parametrize("kind", OWN)
def test_it_adds_these_settings_each_with_a_description(kind):
    own = kind.model_fields.keys() - FeatureHyperparameters.model_fields.keys()
    assert own == OWN[kind]
    assert all(kind.model_fields[name].description for name in own)
    assert kind().pretrained


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (ProbeHyperparameters, "inverse_penalty", -1.0),
        (ProbeHyperparameters, "max_iterations", 0),
        (KnnHyperparameters, "neighbors", -1),
        (KnnHyperparameters, "weighting", "rank"),
        (KnnHyperparameters, "distance", "manhattan"),
        (LdaHyperparameters, "shrinkage", 1.1),
        (LdaHyperparameters, "train_per_class", -1),
    ],
)
def test_a_value_out_of_range_is_refused(kind, name, value):
    with pytest.raises(ValidationError, match=name):
        kind(**{name: value})
